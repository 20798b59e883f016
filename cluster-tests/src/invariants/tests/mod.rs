//! The judge is judged: good histories are clean, and each way of spoiling one is refused by the
//! property named for it and by no other.

mod castle;
mod faults;
mod good;
mod good_castle;
mod good_groups;
mod groups;
mod history;
mod log;
mod lost;
mod random;
mod reads;
mod small;
