mod forwarding;
mod limits;
mod support;
