//! Which file names what of which other file: by imports, by paths in code and macros, by calls of methods.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Item, Visibility, visit::Visit};

use super::{
    inference::{Bindings, Inference, Receiver},
    names::{Names, Target, segments},
    source::{FileId, ItemId, ScopeId, is_for_tests, leaves},
};

/// The lines of one file that name something of another, with what they name.
pub(crate) type Places = BTreeSet<(usize, String)>;

/// From file to file, with the places that make each arrow.
pub(crate) type Arrows = BTreeMap<(FileId, FileId), Places>;

/// Methods that the standard library gives to so many types that a name alone says nothing.
const OF_EVERYBODY: [&str; 44] = [
    "all",
    "any",
    "as_ref",
    "as_str",
    "borrow",
    "clear",
    "clone",
    "contains",
    "count",
    "end",
    "entry",
    "extend",
    "filter",
    "find",
    "first",
    "get",
    "id",
    "insert",
    "into_iter",
    "is_empty",
    "iter",
    "keys",
    "kind",
    "last",
    "len",
    "lock",
    "map",
    "matches",
    "name",
    "next",
    "path",
    "peek",
    "push",
    "read",
    "remove",
    "replace",
    "retain",
    "send",
    "split",
    "start",
    "take",
    "values",
    "wait",
    "write",
];

pub(crate) fn arrows(names: &Names) -> Arrows {
    let mut found = Arrows::new();
    for (id, scope) in names.source.scopes.iter().enumerate() {
        let mut walk = Walk {
            names,
            scope: id,
            own: None,
            bindings: Bindings::default(),
            imports: Vec::new(),
            found: &mut found,
        };
        for item in &scope.items {
            walk.visit_item(item);
        }
    }
    found
}

struct Walk<'a> {
    names: &'a Names,
    scope: ScopeId,
    /// `Self`.
    own: Option<ItemId>,
    bindings: Bindings<'a>,
    /// Imports within the body of a function.
    imports: Vec<(String, Vec<String>)>,
    found: &'a mut Arrows,
}

impl<'a> Walk<'a> {
    fn arrow(&mut self, to: FileId, line: usize, what: String) {
        let from = self.names.source.scopes[self.scope].file;
        if from != to {
            self.found.entry((from, to)).or_default().insert((line, what));
        }
    }

    fn path(&mut self, path: &[String], line: usize) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        if first == "Self" {
            if let (Some(own), Some(name)) = (self.own, rest.first()) {
                self.method_of(own, name, line);
            }
            return;
        }
        let imported = self
            .imports
            .iter()
            .find(|(alias, _)| alias == first)
            .map(|(_, path)| path);
        let whole: Vec<String> = match imported {
            Some(imported) => imported.iter().chain(rest).cloned().collect(),
            None => path.to_vec(),
        };
        for target in self.names.resolve(self.scope, &whole) {
            match target {
                Target::Module(_) => {}
                Target::Made(file) => self.arrow(file, line, path.join("::")),
                Target::Item(item, up_to) => {
                    self.arrow(self.names.source.definitions[item].file, line, path.join("::"));
                    if let Some(name) = whole.get(up_to) {
                        self.method_of(item, name, line);
                    }
                }
            }
        }
    }

    fn method_of(&mut self, owner: ItemId, name: &str, line: usize) {
        let files: Vec<FileId> = self
            .inference()
            .methods_of(owner, name)
            .map(|method| method.file)
            .collect();
        for file in files {
            self.arrow(
                file,
                line,
                format!("{}::{name}", self.names.source.definitions[owner].name),
            );
        }
    }

    /// A method whose receiver's type is not known: counted if one type of the crate alone has it.
    fn method(&mut self, name: &str, line: usize) {
        if OF_EVERYBODY.contains(&name) || self.names.of_traits.iter().any(|known| known == name) {
            return;
        }
        if let Some([method]) = self.names.methods.get(name).map(Vec::as_slice) {
            self.arrow(method.file, line, format!(".{name}()"));
        }
    }

    fn inference(&self) -> Inference<'_, 'a> {
        Inference {
            names: self.names,
            scope: self.scope,
            own: self.own,
            bindings: &self.bindings,
        }
    }

    /// Macros are not parsed: chains of names and calls of methods are picked from their tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let punct =
            |at: usize, sign: char| matches!(trees.get(at), Some(TokenTree::Punct(found)) if found.as_char() == sign);
        let mut at = 0;
        while at < trees.len() {
            match &trees[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    let called = matches!(trees.get(at + 1), Some(TokenTree::Group(_)));
                    if at > 0 && punct(at - 1, '.') {
                        if called {
                            self.in_macro(&trees[..at - 1], &ident.to_string(), line);
                        }
                    } else {
                        let mut path = vec![ident.to_string()];
                        while punct(at + 1, ':') && punct(at + 2, ':') {
                            let Some(TokenTree::Ident(next)) = trees.get(at + 3) else {
                                break;
                            };
                            path.push(next.to_string());
                            at += 3;
                        }
                        if path.len() > 1 || !self.bindings.contains(&path[0]) {
                            self.path(&path, line);
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A call in a macro: of a method of `self`, or of who knows what.
    fn in_macro(&mut self, receiver: &[TokenTree], name: &str, line: usize) {
        let on_self = matches!(receiver.last(), Some(TokenTree::Ident(ident)) if ident == "self");
        match self.own {
            Some(own) if on_self => self.method_of(own, name, line),
            _ => self.method(name, line),
        }
    }

    /// Attributes name functions in paths and in texts (`with = "crate::times"`).
    fn in_attribute(&mut self, tokens: TokenStream) {
        let texts = tokens.clone().into_iter().filter_map(|tree| match tree {
            TokenTree::Literal(literal) => Some((literal.to_string(), literal.span().start().line)),
            _ => None,
        });
        for (text, line) in texts {
            if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) {
                self.path(&segments(&path), line);
            }
        }
        self.tokens(tokens);
    }

    /// Visits the body of a function with its own bindings.
    fn within(&mut self, bindings: Bindings<'a>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.bindings, bindings);
        let imports = self.imports.len();
        visit(self);
        self.bindings = outer;
        self.imports.truncate(imports);
    }
}

impl<'a> Visit<'a> for Walk<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        if let Item::Use(import) = item {
            // What is only handed on is an arrow of whoever takes it.
            let hands_on = !matches!(import.vis, Visibility::Inherited);
            if hands_on || import.leading_colon.is_some() {
                return;
            }
            let line = import.use_token.span.start().line;
            for (path, alias) in leaves(&import.tree, &mut Vec::new()) {
                if alias.is_some() {
                    self.path(&path, line);
                }
            }
            return;
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_stmt(&mut self, statement: &'a syn::Stmt) {
        if let syn::Stmt::Item(Item::Use(import)) = statement {
            let named = leaves(&import.tree, &mut Vec::new());
            let named = named.into_iter().filter_map(|(path, alias)| Some((alias?, path)));
            self.imports.extend(named);
        }
        syn::visit::visit_stmt(self, statement);
    }

    fn visit_item_impl(&mut self, block: &'a syn::ItemImpl) {
        let own = self.names.item_of(self.scope, None, &block.self_ty);
        let outer = std::mem::replace(&mut self.own, own);
        syn::visit::visit_item_impl(self, block);
        self.own = outer;
    }

    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        if !is_for_tests(&function.attrs) {
            let bindings = Bindings::of(&function.sig, Some(&function.block));
            self.within(bindings, |walk| syn::visit::visit_item_fn(walk, function));
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            let bindings = Bindings::of(&function.sig, Some(&function.block));
            self.within(bindings, |walk| syn::visit::visit_impl_item_fn(walk, function));
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        let bindings = Bindings::of(&function.sig, function.default.as_ref());
        self.within(bindings, |walk| syn::visit::visit_trait_item_fn(walk, function));
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        let local = path
            .path
            .get_ident()
            .is_some_and(|ident| self.bindings.contains(&ident.to_string()));
        if !local {
            syn::visit::visit_expr_path(self, path);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        let name = call.method.to_string();
        let line = call.method.span().start().line;
        match self.inference().receiver(&call.receiver) {
            Receiver::Ours(owner) => self.method_of(owner, &name, line),
            Receiver::Foreign => {}
            Receiver::Unknown => self.method(&name, line),
        }
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if let Some(last) = path.segments.last() {
            self.path(&segments(path), last.ident.span().start().line);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        syn::visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.in_attribute(list.tokens.clone());
        }
    }
}
