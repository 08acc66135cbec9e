//! The shipped source of one crate, read as Rust: its files, its modules with the names in them, its types and their
//! methods. What is compiled for tests only is left out.

use std::{collections::BTreeMap, fs, path::Path};

use irsa_tests::world::repository;

use syn::{Item, ReturnType, Type, UseTree, Visibility};

pub(crate) type ScopeId = usize;
pub(crate) type FileId = usize;
pub(crate) type ItemId = usize;

/// A module: of a file, or within one.
pub(crate) struct Scope {
    pub(crate) file: FileId,
    pub(crate) parent: Option<ScopeId>,
    pub(crate) root: ScopeId,
    pub(crate) names: BTreeMap<String, Vec<Name>>,
    pub(crate) globs: Vec<Vec<String>>,
    /// A macro at the level of items: what it defines is not read, so every unknown name here may be one of its.
    pub(crate) has_macros: bool,
    pub(crate) items: Vec<Item>,
}

pub(crate) enum Name {
    Item(ItemId),
    Module(ScopeId),
    Import(Vec<String>),
}

/// A definition that a path can name.
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) scope: ScopeId,
    pub(crate) file: FileId,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// Whether only its own module may name it.
    pub(crate) private: bool,
}

pub(crate) enum Kind {
    /// With its fields, by name or index.
    Struct(BTreeMap<String, Type>),
    Enum,
    Alias(Box<Type>),
    Trait,
    Function(ReturnType),
    Other,
}

impl Definition {
    pub(crate) fn is_type(&self) -> bool {
        !matches!(self.kind, Kind::Function(_) | Kind::Other)
    }
}

/// A crate with all that its roots (`lib.rs`, `main.rs`, `bin/*.rs`) declare.
#[derive(Default)]
pub(crate) struct Source {
    /// Paths relative to the crate's `src`.
    pub(crate) files: Vec<String>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) definitions: Vec<Definition>,
}

impl Source {
    /// The crate in `crates/<directory>`.
    pub(crate) fn of_crate(directory: &str) -> Self {
        let root = repository().join("crates").join(directory).join("src");
        let mut texts = BTreeMap::new();
        read(&root, &root, &mut texts);
        Self::parse(&texts)
    }

    /// A crate from its texts by path.
    pub(crate) fn parse(texts: &BTreeMap<String, String>) -> Self {
        let mut source = Self::default();
        for root in texts.keys() {
            let own_program = root.strip_prefix("bin/").is_some_and(|rest| !rest.contains('/'));
            if root == "lib.rs" || root == "main.rs" || own_program {
                let directory = if own_program { "bin/" } else { "" };
                source.add_file(texts, root, directory, None);
            }
        }
        assert!(!source.files.is_empty(), "a crate without lib.rs and main.rs");
        source
    }

    fn add_file(
        &mut self,
        texts: &BTreeMap<String, String>,
        path: &str,
        directory: &str,
        parent: Option<ScopeId>,
    ) -> ScopeId {
        let parsed = syn::parse_file(&texts[path]).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.files.push(path.to_owned());
        self.add_scope(texts, self.files.len() - 1, directory, parent, parsed.items)
    }

    fn add_scope(
        &mut self,
        texts: &BTreeMap<String, String>,
        file: FileId,
        directory: &str,
        parent: Option<ScopeId>,
        items: Vec<Item>,
    ) -> ScopeId {
        let id = self.scopes.len();
        self.scopes.push(Scope {
            file,
            parent,
            root: parent.map_or(id, |parent| self.scopes[parent].root),
            names: BTreeMap::new(),
            globs: Vec::new(),
            has_macros: false,
            items: Vec::new(),
        });
        let mut kept = Vec::new();
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let below = format!("{directory}{name}/");
                    let child = if let Some((_, items)) = module.content {
                        self.add_scope(texts, file, &below, Some(id), items)
                    } else {
                        let beside = format!("{directory}{name}.rs");
                        let within = format!("{below}mod.rs");
                        let path = if texts.contains_key(&beside) { beside } else { within };
                        assert!(
                            texts.contains_key(&path),
                            "{}: mod {name} has no file",
                            self.files[file]
                        );
                        self.add_file(texts, &path, &below, Some(id))
                    };
                    self.name(id, name, Name::Module(child));
                }
                Item::Use(import) => {
                    if import.leading_colon.is_none() {
                        self.import(id, &import.tree, &mut Vec::new());
                    }
                    kept.push(Item::Use(import));
                }
                other => {
                    self.define(id, &other);
                    kept.push(other);
                }
            }
        }
        self.scopes[id].items = kept;
        id
    }

    fn import(&mut self, scope: ScopeId, tree: &UseTree, path: &mut Vec<String>) {
        for (path, alias) in leaves(tree, path) {
            match alias {
                Some(alias) => self.name(scope, alias, Name::Import(path)),
                None => self.scopes[scope].globs.push(path),
            }
        }
    }

    fn name(&mut self, scope: ScopeId, text: String, name: Name) {
        self.scopes[scope].names.entry(text).or_default().push(name);
    }

    fn define(&mut self, scope: ScopeId, item: &Item) {
        let (ident, vis, kind) = match item {
            Item::Struct(item) => {
                let fields = item.fields.iter().enumerate().map(|(index, field)| {
                    let name = field
                        .ident
                        .as_ref()
                        .map_or_else(|| index.to_string(), ToString::to_string);
                    (name, field.ty.clone())
                });
                (&item.ident, &item.vis, Kind::Struct(fields.collect()))
            }
            Item::Union(item) => (&item.ident, &item.vis, Kind::Enum),
            Item::Enum(item) => (&item.ident, &item.vis, Kind::Enum),
            Item::Type(item) => (&item.ident, &item.vis, Kind::Alias(item.ty.clone())),
            Item::Trait(item) => (&item.ident, &item.vis, Kind::Trait),
            Item::TraitAlias(item) => (&item.ident, &item.vis, Kind::Trait),
            Item::Fn(item) => (&item.sig.ident, &item.vis, Kind::Function(item.sig.output.clone())),
            Item::Const(item) => (&item.ident, &item.vis, Kind::Other),
            Item::Static(item) => (&item.ident, &item.vis, Kind::Other),
            Item::Macro(item) => {
                if let Some(ident) = &item.ident {
                    (ident, &Visibility::Inherited, Kind::Other)
                } else {
                    self.scopes[scope].has_macros = true;
                    return;
                }
            }
            _ => return,
        };
        let definition = Definition {
            name: ident.to_string(),
            scope,
            file: self.scopes[scope].file,
            line: ident.span().start().line,
            kind,
            private: matches!(vis, Visibility::Inherited),
        };
        self.name(scope, definition.name.clone(), Name::Item(self.definitions.len()));
        self.definitions.push(definition);
    }
}

/// The paths of a tree of imports, with the name that each gets; none for a glob.
pub(crate) fn leaves(tree: &UseTree, path: &mut Vec<String>) -> Vec<(Vec<String>, Option<String>)> {
    let end = |path: &[String], last: String| {
        // `a::{self}` is `a`.
        let own = if last == "self" { None } else { Some(last) };
        path.iter().cloned().chain(own).collect::<Vec<_>>()
    };
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            let found = leaves(&inner.tree, path);
            path.pop();
            found
        }
        UseTree::Name(inner) => {
            let whole = end(path, inner.ident.to_string());
            let alias = whole.last().cloned();
            vec![(whole, alias)]
        }
        UseTree::Rename(inner) => vec![(end(path, inner.ident.to_string()), Some(inner.rename.to_string()))],
        UseTree::Glob(_) => vec![(path.clone(), None)],
        UseTree::Group(group) => group.items.iter().flat_map(|item| leaves(item, path)).collect(),
    }
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn read(root: &Path, directory: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            texts.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether the compiler sees it in tests only: `#[cfg(test)]`, also as one of `all(…)`, and `#[test]`.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    fn needs_test(meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("all") => list
                .parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .is_ok_and(|inner| inner.iter().any(needs_test)),
            _ => false,
        }
    }
    attributes.iter().any(|attribute| needs_test(&attribute.meta))
}
