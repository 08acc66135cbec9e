//! What there is: at the API servers, in the record of keys, in AWS, and in public.

pub mod api_servers;
pub mod audiences;
pub mod aws;
pub mod cluster;
pub mod facts;
pub mod injection;
mod s3;
