//! Argo CD's view of our objects: `config/argocd/health.lua`, run as Argo CD runs it.

use mlua::{Lua, LuaSerdeExt, StdLib};
use serde::Deserialize;
use serde_json::Value;

/// What Argo CD shows for an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// One of Argo CD's words: `Healthy`, `Progressing`, `Suspended`, `Degraded`.
    pub status: String,
    /// The sentence beside it.
    pub message: String,
}

/// The health script as it is shipped.
pub const HEALTH: &str = include_str!("../../config/argocd/health.lua");

/// Runs a health script over an object as the API server returns it. Like Argo CD's own interpreter for `argocd-cm`,
/// this one is Lua 5.1 with the base library and nothing else.
///
/// # Errors
/// The script fails, or does not answer with a status and a message.
pub fn health(script: &str, object: &Value) -> mlua::Result<Health> {
    let lua = Lua::new_with(StdLib::NONE, mlua::LuaOptions::default())?;
    let object = lua.to_value_with(object, nil_for_null())?;
    lua.globals().set("obj", object)?;
    lua.from_value(lua.load(script).eval()?)
}

/// Go hands a missing or null value over as nil; mlua's default is a value that is not nil.
fn nil_for_null() -> mlua::serde::SerializeOptions {
    mlua::serde::SerializeOptions::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false)
}
