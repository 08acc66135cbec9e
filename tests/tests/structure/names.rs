//! What a path names: through imports, re-exports and globs to the definition, as the compiler looks it up.

use std::collections::BTreeMap;

use syn::{ImplItem, Item, ReturnType, Type};

use super::source::{FileId, ItemId, Kind, Name, ScopeId, Source, is_for_tests};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Module(ScopeId),
    /// A definition; with how many segments of the path lead up to it, the rest (a variant, a method) is its own.
    Item(ItemId, usize),
    /// Something that a macro in this file must have defined.
    Made(FileId),
}

/// A method or associated function in an `impl` without a trait.
pub(crate) struct Method {
    pub(crate) owner: ItemId,
    pub(crate) scope: ScopeId,
    pub(crate) file: FileId,
    pub(crate) output: ReturnType,
}

/// A crate with its names resolved.
pub(crate) struct Names {
    pub(crate) source: Source,
    pub(crate) methods: BTreeMap<String, Vec<Method>>,
    /// Names of methods of the crate's own traits: a call of one of these may go anywhere.
    pub(crate) of_traits: Vec<String>,
}

/// Imports on the way, so that one that leads back to itself ends.
type Way = Vec<(ScopeId, Vec<String>)>;

impl Names {
    pub(crate) fn of(source: Source) -> Self {
        let mut names = Self {
            source,
            methods: BTreeMap::new(),
            of_traits: Vec::new(),
        };
        let mut methods: BTreeMap<String, Vec<Method>> = BTreeMap::new();
        for (id, scope) in names.source.scopes.iter().enumerate() {
            for item in &scope.items {
                match item {
                    Item::Impl(block) if block.trait_.is_none() => {
                        let Some(owner) = names.item_of(id, None, &block.self_ty) else {
                            continue;
                        };
                        for inner in &block.items {
                            let ImplItem::Fn(function) = inner else { continue };
                            if is_for_tests(&function.attrs) {
                                continue;
                            }
                            methods.entry(function.sig.ident.to_string()).or_default().push(Method {
                                owner,
                                scope: id,
                                file: scope.file,
                                output: function.sig.output.clone(),
                            });
                        }
                    }
                    Item::Trait(block) => {
                        for inner in &block.items {
                            if let syn::TraitItem::Fn(function) = inner {
                                names.of_traits.push(function.sig.ident.to_string());
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        names.methods = methods;
        names
    }

    /// What a path in a module leads to; nothing for what is not of this crate.
    pub(crate) fn resolve(&self, scope: ScopeId, path: &[String]) -> Vec<Target> {
        self.follow(scope, path, &mut Way::new())
    }

    fn follow(&self, scope: ScopeId, path: &[String], way: &mut Way) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(self.source.scopes[scope].root)],
            "self" => vec![Target::Module(scope)],
            "super" => self.source.scopes[scope]
                .parent
                .map(Target::Module)
                .into_iter()
                .collect(),
            name => counted(self.look_up(scope, name, way), 1),
        };
        for (done, segment) in rest.iter().enumerate() {
            let mut next = Vec::new();
            for target in found {
                match target {
                    Target::Module(module) if segment == "super" => {
                        next.extend(self.source.scopes[module].parent.map(Target::Module));
                    }
                    Target::Module(module) => {
                        let inner = self.look_up(module, segment, way);
                        if inner.is_empty() && self.source.scopes[module].has_macros {
                            next.push(Target::Made(self.source.scopes[module].file));
                        }
                        next.extend(counted(inner, done + 2));
                    }
                    // What follows a function or a constant is no path.
                    Target::Item(item, _) if self.source.definitions[item].is_type() => next.push(target),
                    Target::Item(..) => {}
                    Target::Made(file) => next.push(Target::Made(file)),
                }
            }
            found = next;
        }
        found
    }

    fn look_up(&self, scope: ScopeId, name: &str, way: &mut Way) -> Vec<Target> {
        let module = &self.source.scopes[scope];
        let mut found = Vec::new();
        for known in module.names.get(name).into_iter().flatten() {
            match known {
                Name::Item(item) => found.push(Target::Item(*item, 0)),
                Name::Module(module) => found.push(Target::Module(*module)),
                Name::Import(path) => found.extend(self.once(scope, path, None, way)),
            }
        }
        if found.is_empty() {
            for glob in &module.globs {
                found.extend(self.once(scope, glob, Some(name), way));
            }
        }
        found
    }

    /// Follows an import unless it is being followed already.
    fn once(&self, scope: ScopeId, path: &[String], name: Option<&str>, way: &mut Way) -> Vec<Target> {
        let whole: Vec<String> = path.iter().cloned().chain(name.map(str::to_owned)).collect();
        let step = (scope, whole);
        if way.contains(&step) {
            return Vec::new();
        }
        way.push(step);
        let found = self.follow(scope, &way[way.len() - 1].1.clone(), way);
        way.pop();
        found
    }

    /// The type of this crate that a written type is, through references, boxes and aliases; `own` is `Self`.
    pub(crate) fn item_of(&self, scope: ScopeId, own: Option<ItemId>, written: &Type) -> Option<ItemId> {
        match written {
            Type::Reference(inner) => self.item_of(scope, own, &inner.elem),
            Type::Paren(inner) => self.item_of(scope, own, &inner.elem),
            Type::Group(inner) => self.item_of(scope, own, &inner.elem),
            Type::Path(path) if path.qself.is_none() => {
                if path.path.is_ident("Self") {
                    return own;
                }
                let last = path.path.segments.last()?;
                if ["Arc", "Box", "Rc"].contains(&last.ident.to_string().as_str()) {
                    return self.item_of(scope, own, argument(&last.arguments)?);
                }
                let found = self.resolve(scope, &segments(&path.path));
                found.into_iter().find_map(|target| {
                    let Target::Item(item, _) = target else { return None };
                    let definition = &self.source.definitions[item];
                    match &definition.kind {
                        Kind::Alias(aliased) => self.item_of(definition.scope, None, aliased),
                        Kind::Struct(_) | Kind::Enum => Some(item),
                        _ => None,
                    }
                })
            }
            _ => None,
        }
    }
}

/// The same targets, definitions with the number of segments that led up to them.
fn counted(targets: Vec<Target>, segments: usize) -> Vec<Target> {
    let count = |target| match target {
        Target::Item(item, _) => Target::Item(item, segments),
        other => other,
    };
    targets.into_iter().map(count).collect()
}

/// The first type within `<…>`.
pub(crate) fn argument(arguments: &syn::PathArguments) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

pub(crate) fn segments(path: &syn::Path) -> Vec<String> {
    if path.leading_colon.is_some() {
        return Vec::new();
    }
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}
