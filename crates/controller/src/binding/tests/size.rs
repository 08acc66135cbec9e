//! What a pass takes while it waits.

use irsa_pipeline::step_error::Draft;

use super::*;

/// There are as many of these as passes under way: a way that is hardly ever gone must not be part of them.
#[tokio::test]
async fn a_pass_has_no_room_for_what_it_hardly_ever_comes_to() {
    let (bench, binding) = (Bench::new(), binding());
    let mut draft = Draft::of(&binding);
    let making = size_of_val(&bench.controller.make_true(&binding, &mut draft));
    let whole = size_of_val(&pass(&bench.controller, &binding, None));
    assert!(making < 8 << 10 && whole < 16 << 10, "{making} and {whole} bytes");
}
