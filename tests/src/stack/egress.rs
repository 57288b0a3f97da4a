//! Starts and kills recorders.

use super::Stack;

impl Stack {
    /// Kills the egress, as a crash would. Its spool stays.
    pub fn kill_egress(&mut self) {
        if let Some(egress) = self.egress.take() {
            egress.kill();
        }
    }

    /// Starts another egress with a spool of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn add_egress(&mut self, name: &str) {
        let egress = self.start_role("egress", name).await;
        self.more_egresses.push(egress);
    }

    /// # Panics
    /// When it does not start.
    pub async fn start_egress(&mut self) {
        self.egress = Some(self.start_role("egress", "egress").await);
    }
}
