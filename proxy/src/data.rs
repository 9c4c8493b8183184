//! The data path: every client request, from the socket to the node that owns its key and back.
//!
//! A request's way, file by file (`docs/data-path.md` tells it in full):
//!
//! 1. `listen`, `workers`, `worker`: threads that share nothing, one listener each;
//! 2. `client`, `socket`, `deadline`: a connection, what it is doing and how long it may;
//! 3. `route`: what the head asks for, and by which position;
//! 4. `forward`, `attempt`: tries until there is an answer, or a reason why there is none;
//! 5. `replay`, `pump`: what goes to the node, and what is kept to send it again;
//! 6. `upstream`, `link`: the connection to the node; `origin`: whom the client asked;
//! 7. `download`, `answer`, `fault`: what comes back; `rest`: what the client still sends by then.
//!
//! `access` is the access log.
//! `admin` hands the admin plane's requests over to the control runtime. Nothing here waits for control.

mod access;
mod admin;
mod answer;
mod attempt;
mod client;
mod deadline;
mod download;
mod fault;
mod forward;

mod link;
mod listen;
mod origin;
mod pump;
mod replay;
mod rest;
mod route;
mod settings;
mod socket;
mod upstream;
mod worker;
mod workers;

pub use access::{AccessSettings, Form};
pub use admin::{Admin, AdminBody, AdminFuture, AdminService};
pub use listen::ListenError;
pub use settings::Settings;
pub use workers::{DataPath, StartError};
