//! CPU time of a child of the stack.

use std::{fs, time::Instant};

use anyhow::{Context, Result};

use crate::{setup::DataDir, up::pid_of};

/// The CPU time that a process used so far.
pub struct CpuClock {
    pid: u32,
    at: Instant,
    /// In user mode and in the kernel, in clock ticks.
    ticks: (u64, u64),
}

impl CpuClock {
    /// Starts to measure the child with this name.
    pub fn start(data: &DataDir, name: &str) -> Result<Self> {
        let pid = pid_of(data, name).with_context(|| format!("{name} is not running"))?;
        Ok(Self {
            pid,
            at: Instant::now(),
            ticks: ticks(pid)?,
        })
    }

    /// Thousandths of a core that the process used since the start, in user mode and in the kernel.
    pub fn millicores(&self) -> Result<(f64, f64)> {
        let (user, system) = ticks(self.pid)?;
        let elapsed = self.at.elapsed().as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
        let share = |now: u64, before: u64| now.saturating_sub(before) as f64 / elapsed * 1000.0;
        Ok((share(user, self.ticks.0), share(system, self.ticks.1)))
    }
}

/// Reads the CPU time of all threads of a process.
fn ticks(pid: u32) -> Result<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    parse(&stat).with_context(|| format!("cannot read the CPU time of process {pid}"))
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second field, the program's name in parentheses, may contain spaces.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let (_name, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_contain_what_separates_fields() {
        let stat = "1 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 500 70 0 0 20 0 1 0 100";

        assert_eq!(parse(stat), Some((500, 70)));
        assert_eq!(parse("1 (a) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_that_works_has_used_cpu_time() {
        let pid = std::process::id();
        let clock = CpuClock {
            pid,
            at: Instant::now(),
            ticks: (0, 0),
        };
        // Ticks are 10 ms; work until the first one is counted.
        while ticks(pid).unwrap() == (0, 0) {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }

        let (user, system) = clock.millicores().unwrap();

        assert!(user + system > 0.0);
    }
}
