mod damage;
mod formats;
mod hostile;
mod matroska;
mod positions;
mod support;
