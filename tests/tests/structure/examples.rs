//! What counts as an arrow and what does not, on crates of a few lines.

use super::{circles::Graph, source::Source};

/// The circles of a crate of these files, each as its files.
fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let graph = graph(files);
    let named = |circle| {
        let mut names: Vec<String> = graph.named(circle).into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    graph.circles().iter().map(named).collect()
}

fn graph(files: &[(&str, &str)]) -> Graph {
    let texts = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Graph::of(Source::parse(&texts.collect()))
}

/// The arrows of a crate of these files.
fn arrows(files: &[(&str, &str)]) -> String {
    graph(files).all()
}

const TWO: &str = "mod a; mod b;";

#[test]
fn two_files_that_import_from_each_other_are_a_circle() {
    let files = [
        ("lib.rs", TWO),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "use super::a;\npub struct B;\nfn f() -> a::A { todo() }"),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
    let graph = graph(&files);
    let report = graph.report(&graph.circles()[0]);
    assert!(report.contains("a.rs -> b.rs: 1 `crate::b::B` 2 `B`\n"), "{report}");
    assert!(report.contains("b.rs -> a.rs: 3 `a::A`\n"), "{report}");
}

#[test]
fn paths_without_an_import_count() {
    let b = "pub struct B;\nfn f() { let _ = crate::a::make::<u8>(); }";
    let files = [
        ("lib.rs", TWO),
        ("a.rs", "pub fn make<T>() -> super::b::B { todo() }"),
        ("b.rs", b),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn three_files_and_two_circles_are_told_apart() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f;"),
        ("a.rs", "pub fn a() { crate::b::b() }"),
        ("b.rs", "pub fn b() { crate::c::c() }"),
        ("c.rs", "pub fn c() { crate::a::a(); crate::d::d() }"),
        ("d.rs", "pub fn d() { crate::e::e() }"),
        ("e.rs", "pub fn e() { crate::d::d(); crate::f::f() }"),
        ("f.rs", "pub fn f() {}"),
    ];
    assert_eq!(circles(&files), [&["a.rs", "b.rs", "c.rs"][..], &["d.rs", "e.rs"]]);
}

#[test]
fn a_parent_that_declares_and_hands_on_is_in_no_circle() {
    let files = [
        ("lib.rs", "mod a;\npub use a::{Inner, Outer};"),
        (
            "a/mod.rs",
            "mod inner;\nmod outer;\npub use self::{inner::Inner, outer::Outer};",
        ),
        ("a/inner.rs", "pub struct Inner;"),
        (
            "a/outer.rs",
            "use super::Inner;\nuse crate::Inner as Same;\npub struct Outer(Inner, Same);",
        ),
    ];
    assert!(circles(&files).is_empty());
    assert!(
        arrows(&files).starts_with("  a/outer.rs -> a/inner.rs: 1 "),
        "{}",
        arrows(&files)
    );
    assert_eq!(arrows(&files).lines().count(), 1);
}

#[test]
fn a_parent_that_uses_what_it_hands_on_leads_to_it() {
    let files = [
        ("lib.rs", "mod inner;\npub use inner::Inner;\npub struct Outer(Inner);"),
        ("inner.rs", "pub struct Inner;\nfn f(_: crate::Outer) {}"),
    ];
    assert_eq!(circles(&files), [["inner.rs", "lib.rs"]]);
}

#[test]
fn names_are_followed_through_re_exports_and_globs() {
    let files = [
        ("lib.rs", "mod a; mod b; mod prelude;"),
        ("prelude.rs", "pub use crate::a::*;\npub use crate::b::B as Renamed;"),
        ("a.rs", "use crate::prelude::*;\npub struct A;\nfn f(_: Renamed) {}"),
        ("b.rs", "use crate::prelude::A;\npub struct B;\nfn f(_: A) {}"),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn re_exports_that_lead_to_each_other_end() {
    let files = [
        ("lib.rs", TWO),
        ("a.rs", "pub use crate::b::*;\npub use crate::b::Nowhere;"),
        (
            "b.rs",
            "pub use crate::a::*;\npub use crate::a::Nowhere;\nfn f(_: Nowhere, _: Never) {}",
        ),
    ];
    assert!(circles(&files).is_empty());
}

const PIECES: &str = "pub struct Whole { pub part: std::sync::Arc<Part> }\npub struct Part;\n";

#[test]
fn a_method_of_self_leads_to_the_file_that_has_it() {
    let files = [
        ("lib.rs", "mod a; mod b; mod whole;"),
        ("whole.rs", PIECES),
        (
            "a.rs",
            "use crate::whole::Whole;\nimpl Whole { pub fn get(&self) { self.next() } }",
        ),
        (
            "b.rs",
            "use crate::whole::Whole;\nimpl Whole { pub fn next(&self) { Self::get(self) } }",
        ),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
    assert!(
        arrows(&files).contains("a.rs -> b.rs: 2 `Whole::next`"),
        "{}",
        arrows(&files)
    );
}

#[test]
fn receivers_are_known_by_fields_parameters_values_and_what_functions_return() {
    let part = "use crate::whole::Part;\nimpl Part { pub fn len(&self) { crate::a::a() } }";
    for body in [
        "pub fn a(whole: &Whole) { whole.part.len() }",
        "pub fn a(whole: Whole) { let part = &whole.part; part.clone().len() }",
        "fn part() -> Result<Part, ()> { todo() }\npub fn a() { part()?.len() }",
        "impl Whole { fn part(self) -> Arc<Part> { todo() } }\npub fn a(whole: Whole) { whole.part().len() }",
        "pub fn a() { let part: Part = todo(); part.len() }",
    ] {
        let a = format!("use crate::whole::{{Part, Whole}};\n{body}");
        let files = [
            ("lib.rs", "mod a; mod part; mod whole;"),
            ("whole.rs", PIECES),
            ("a.rs", &a),
            ("part.rs", part),
        ];
        assert_eq!(circles(&files), [["a.rs", "part.rs"]], "{body}\n{}", arrows(&files));
    }
}

#[test]
fn a_name_that_one_type_alone_has_is_enough() {
    let files = [
        ("lib.rs", TWO),
        (
            "a.rs",
            "pub struct A;\nimpl A { pub fn peculiar(&self) { crate::b::b(todo()) } }",
        ),
        ("b.rs", "pub fn b(_: u8) { for x in todo() { x.peculiar() } }"),
    ];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn methods_of_others_and_of_traits_and_of_several_types_are_nobodys() {
    let own = "impl A { pub fn peculiar(&self) { crate::b::b(todo()) } }";
    for (a, b) in [
        ("", "pub fn b(x: Vec<u8>) { x.peculiar() }"),
        (
            "pub trait T { fn peculiar(&self); }",
            "pub fn b<X>(_: X) { for x in todo() { x.peculiar() } }",
        ),
        (
            "pub struct C;\nimpl C { fn peculiar(&self) {} }",
            "pub fn b<X>(_: X) { for x in todo() { x.peculiar() } }",
        ),
    ] {
        let a = format!("pub struct A;\n{own}\n{a}");
        let files = [("lib.rs", TWO), ("a.rs", &a), ("b.rs", b)];
        assert!(circles(&files).is_empty(), "{b}\n{}", arrows(&files));
    }
}

#[test]
fn what_is_compiled_for_tests_does_not_count() {
    let only_in_tests = "pub struct A;\n\
        #[cfg(test)] use crate::b::B;\n\
        #[cfg(all(test, unix))] fn f(_: crate::b::B) {}\n\
        impl A { #[cfg(test)] fn g(_: crate::b::B) {} }\n\
        #[cfg(test)] mod tests { use crate::b::B; }\n\
        #[cfg(test)] mod more;";
    let files = [
        ("lib.rs", TWO),
        ("a.rs", only_in_tests),
        ("a/more.rs", "use crate::b::B;"),
        ("b.rs", "pub struct B(crate::a::A);"),
    ];
    assert!(circles(&files).is_empty(), "{}", arrows(&files));
    let shipped = only_in_tests.replace("#[cfg(all(test, unix))]", "#[cfg(not(test))]");
    let files = [files[0], ("a.rs", &shipped), files[2], files[3]];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn a_local_name_is_not_the_function_of_that_name() {
    let a = "use crate::b::*;\npub fn a(name: u8) { show(name); let other = name; println!(\"{}\", name) }";
    let files = [
        ("lib.rs", TWO),
        ("a.rs", a),
        ("b.rs", "pub fn name() { crate::a::a(1) }"),
    ];
    assert!(circles(&files).is_empty(), "{}", arrows(&files));
    let called = a.replace("a(name: u8)", "a(_: u8)");
    let files = [files[0], ("a.rs", &called), files[2]];
    assert_eq!(circles(&files), [["a.rs", "b.rs"]]);
}

#[test]
fn macros_and_attributes_are_read() {
    for a in [
        "pub fn a() { println!(\"{}\", crate::b::B::NEW) }",
        "use crate::b;\npub fn a() { join!(b::b(), other) }",
        "#[derive(Serialize)]\npub struct S { #[serde(with = \"crate::b\", default = \"crate::b::b\")] s: u8 }\npub fn a() {}",
        "crate::b::made!();\npub fn a() {}",
        "use crate::b::Made;\npub fn a(_: Made) {}",
    ] {
        let b = "pub struct B;\nmacro_rules! made { () => {} }\nmade!();\npub fn b() { crate::a::a() }";
        let files = [("lib.rs", TWO), ("a.rs", a), ("b.rs", b)];
        assert_eq!(circles(&files), [["a.rs", "b.rs"]], "{a}");
    }
}

#[test]
fn modules_within_a_file_belong_to_it_and_programs_are_apart() {
    let files = [
        (
            "lib.rs",
            "pub mod a { pub mod b; pub fn a() { inner::i() } mod inner { pub fn i() { super::b::b() } } }",
        ),
        ("a/b.rs", "pub fn b() { super::a() }"),
        ("bin/tool.rs", "mod help;\nfn main() { help::help() }"),
        ("bin/help.rs", "pub fn help() {}"),
        ("main.rs", "fn main() {}"),
    ];
    assert_eq!(circles(&files), [["a/b.rs", "lib.rs"]]);
}
