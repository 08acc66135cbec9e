//! The type of a receiver, as far as it can be read off: declared types, fields, what functions return. For a call of a
//! method needs no import, and a name alone often leaves open whose method it is.

use std::collections::BTreeMap;

use syn::{Block, Expr, FnArg, Local, Member, Pat, PatIdent, PatType, ReturnType, Signature, Type, visit::Visit};

use super::{
    names::{Method, Names, Target, argument, segments},
    source::{ItemId, Kind, ScopeId},
};

/// What a function's names are bound to.
#[derive(Default)]
pub(crate) struct Bindings<'a>(BTreeMap<String, Bound<'a>>);

#[derive(Clone, Copy)]
enum Bound<'a> {
    Type(&'a Type),
    Value(&'a Expr),
    Unknown,
}

impl<'a> Bindings<'a> {
    pub(crate) fn of(signature: &'a Signature, body: Option<&'a Block>) -> Self {
        let mut found = Self::default();
        for input in &signature.inputs {
            if let FnArg::Typed(typed) = input {
                found.visit_pat_type(typed);
            }
        }
        if let Some(body) = body {
            found.visit_block(body);
        }
        found
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A name that is bound twice is bound to something unknown.
    fn bind(&mut self, name: String, bound: Bound<'a>) {
        self.0
            .entry(name)
            .and_modify(|known| *known = Bound::Unknown)
            .or_insert(bound);
    }
}

impl<'a> Visit<'a> for Bindings<'a> {
    fn visit_local(&mut self, local: &'a Local) {
        match (&local.pat, &local.init) {
            (Pat::Ident(ident), Some(init)) if init.diverge.is_none() => {
                self.bind(ident.ident.to_string(), Bound::Value(&init.expr));
                self.visit_expr(&init.expr);
            }
            _ => syn::visit::visit_local(self, local),
        }
    }

    fn visit_pat_type(&mut self, typed: &'a PatType) {
        match &*typed.pat {
            Pat::Ident(ident) => self.bind(ident.ident.to_string(), Bound::Type(&typed.ty)),
            _ => syn::visit::visit_pat_type(self, typed),
        }
    }

    fn visit_pat_ident(&mut self, ident: &'a PatIdent) {
        self.bind(ident.ident.to_string(), Bound::Unknown);
        syn::visit::visit_pat_ident(self, ident);
    }

    // A function within has names of its own.
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// The type of an expression.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// As it is written somewhere, in that module and with that `Self`.
    Written(ScopeId, Option<ItemId>, &'a Type),
    Item(ItemId),
    Unknown,
}

/// Whose method a call is.
pub(crate) enum Receiver {
    Ours(ItemId),
    Foreign,
    Unknown,
}

pub(crate) struct Inference<'b, 'a> {
    pub(crate) names: &'a Names,
    pub(crate) scope: ScopeId,
    pub(crate) own: Option<ItemId>,
    pub(crate) bindings: &'b Bindings<'a>,
}

impl<'a> Inference<'_, 'a> {
    pub(crate) fn methods_of(&self, owner: ItemId, name: &str) -> impl Iterator<Item = &'a Method> + use<'a> {
        let named = self.names.methods.get(name).into_iter().flatten();
        named.filter(move |method| method.owner == owner)
    }

    pub(crate) fn receiver(&self, expr: &'a Expr) -> Receiver {
        match self.known(expr, 8) {
            Known::Item(item) => Receiver::Ours(item),
            Known::Unknown | Known::Written(_, _, Type::Infer(_)) => Receiver::Unknown,
            Known::Written(scope, own, written) => match self.names.item_of(scope, own, written) {
                Some(item) => Receiver::Ours(item),
                None => Receiver::Foreign,
            },
        }
    }

    fn item(&self, known: Known<'a>) -> Option<ItemId> {
        match known {
            Known::Item(item) => Some(item),
            Known::Written(scope, own, written) => self.names.item_of(scope, own, written),
            Known::Unknown => None,
        }
    }

    fn known(&self, expr: &'a Expr, depth: usize) -> Known<'a> {
        let Some(depth) = depth.checked_sub(1) else {
            return Known::Unknown;
        };
        match expr {
            Expr::Reference(inner) => self.known(&inner.expr, depth),
            Expr::Paren(inner) => self.known(&inner.expr, depth),
            Expr::Await(inner) => self.known(&inner.base, depth),
            Expr::Try(inner) => match self.known(&inner.expr, depth) {
                Known::Written(scope, own, written) => within(written, &["Option", "Result"])
                    .map_or(Known::Unknown, |inner| Known::Written(scope, own, inner)),
                _ => Known::Unknown,
            },
            Expr::Struct(literal) => self.named(&literal.path),
            Expr::Path(path) => match path.path.get_ident().map(ToString::to_string) {
                Some(name) if name == "self" => self.own.map_or(Known::Unknown, Known::Item),
                Some(name) => match self.bindings.0.get(&name) {
                    Some(Bound::Type(written)) => Known::Written(self.scope, self.own, written),
                    Some(Bound::Value(value)) => self.known(value, depth),
                    Some(Bound::Unknown) | None => Known::Unknown,
                },
                None => Known::Unknown,
            },
            Expr::Field(field) => self.field(field, depth),
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) => self.returned(&path.path),
                _ => Known::Unknown,
            },
            Expr::MethodCall(call) => {
                let receiver = self.known(&call.receiver, depth);
                let name = call.method.to_string();
                match self.item(receiver) {
                    Some(item) => match self.methods_of(item, &name).next() {
                        Some(method) => output(method.scope, Some(method.owner), &method.output),
                        None if ["as_mut", "as_ref", "clone", "to_owned"].contains(&name.as_str()) => receiver,
                        None => Known::Unknown,
                    },
                    None => Known::Unknown,
                }
            }
            _ => Known::Unknown,
        }
    }

    fn field(&self, field: &'a syn::ExprField, depth: usize) -> Known<'a> {
        let Some(item) = self.item(self.known(&field.base, depth)) else {
            return Known::Unknown;
        };
        let names = self.names;
        let definition = &names.source.definitions[item];
        let Kind::Struct(fields) = &definition.kind else {
            return Known::Unknown;
        };
        let name = match &field.member {
            Member::Named(ident) => ident.to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        match fields.get(&name) {
            Some(written) => Known::Written(definition.scope, Some(item), written),
            None => Known::Unknown,
        }
    }

    /// What a called path returns: a function, an associated function, or a struct that is built like one.
    fn returned(&self, path: &syn::Path) -> Known<'a> {
        let path = segments(path);
        if let [own, name] = path.as_slice()
            && own == "Self"
        {
            let found = self.own.and_then(|owner| self.methods_of(owner, name).next());
            return found.map_or(Known::Unknown, |method| {
                output(method.scope, Some(method.owner), &method.output)
            });
        }
        let names = self.names;
        for target in names.resolve(self.scope, &path) {
            let Target::Item(item, up_to) = target else { continue };
            let definition = &names.source.definitions[item];
            match (&definition.kind, path.get(up_to)) {
                (Kind::Function(returned), None) => return output(definition.scope, None, returned),
                (Kind::Struct(_), None) => return Known::Item(item),
                (_, Some(name)) => {
                    if let Some(method) = self.methods_of(item, name).next() {
                        return output(method.scope, Some(method.owner), &method.output);
                    }
                }
                _ => {}
            }
        }
        Known::Unknown
    }

    fn named(&self, path: &syn::Path) -> Known<'a> {
        if path.is_ident("Self") {
            return self.own.map_or(Known::Unknown, Known::Item);
        }
        let found = self.names.resolve(self.scope, &segments(path));
        let item = found.into_iter().find_map(|target| match target {
            Target::Item(item, _) => Some(item),
            _ => None,
        });
        item.map_or(Known::Unknown, Known::Item)
    }
}

fn output(scope: ScopeId, own: Option<ItemId>, returned: &ReturnType) -> Known<'_> {
    match returned {
        ReturnType::Type(_, written) => Known::Written(scope, own, written),
        ReturnType::Default => Known::Unknown,
    }
}

/// What one of these generic types holds.
fn within<'a>(written: &'a Type, outer: &[&str]) -> Option<&'a Type> {
    let Type::Path(path) = written else { return None };
    let last = path.path.segments.last()?;
    outer
        .contains(&last.ident.to_string().as_str())
        .then(|| argument(&last.arguments))?
}
