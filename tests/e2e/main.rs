//! What Trackscribe does, seen from outside: a file a behaviour. Each test has its own servers.

mod servers;
