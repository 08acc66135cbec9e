//! Several candidates and one API server, in simulated time: clocks that are wrong and run unevenly, answers and requests
//! that come late or never, restarts, hands that meddle. At no moment may two hold a claim.

use proptest::{collection::vec, prelude::*};

use super::world::{Clock, Event, Fate, Meddling, World};

fn clocks() -> impl Strategy<Value = Vec<Clock>> {
    let clock = (950_u64..=1050, -7200_i64..=7200).prop_map(|(rate, skew)| Clock { rate, skew });
    vec(clock, 2..=4)
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let way = || prop_oneof![6 => (1_u64..200).prop_map(Some), 1 => (200_u64..45_000).prop_map(Some), 1 => Just(None)];
    let idle = prop_oneof![8 => Just(0_u64), 1 => 0_u64..90_000];
    let fate = (way(), way(), idle).prop_map(|(there, back, idle)| Fate { there, back, idle });
    vec(fate, 1..200)
}

fn meddling(of: impl Strategy<Value = Meddling>) -> impl Strategy<Value = Vec<(u64, Meddling)>> {
    vec((60_000_u64..1_200_000, of), 0..12)
}

fn run(clocks: &[Clock], fates: Vec<Fate>, meddling: Vec<(u64, Meddling)>) -> usize {
    let mut world = World::new(clocks, fates);
    for (at, what) in meddling {
        world.after(at, Event::Meddle(what));
    }
    world.run(1_500_000);
    world.claims
}

proptest! {
    #[test]
    fn two_never_hold_a_claim_at_once_whatever_is_late_lost_stopped_or_started_anew(
        clocks in clocks(),
        fates in fates(),
        meddling in meddling(prop_oneof![
            (0_usize..4).prop_map(Meddling::Restart),
            (0_usize..4).prop_map(Meddling::End),
            Just(Meddling::Blank),
            Just(Meddling::Annotate),
        ]),
    ) {
        run(&clocks, fates, meddling);
    }

    /// A candidate that starts after the deletion cannot know of the Lease, and one that finds none twice cannot know of one
    /// that was there in between: so everybody looks between two deletions. What that means is in
    /// `docs/high-availability.md`.
    #[test]
    fn nor_when_somebody_deletes_the_lease(
        clocks in clocks(),
        stops in vec(prop_oneof![8 => Just(0_u64), 1 => 0_u64..12_000], 1..100),
        gaps in vec(60_000_u64..300_000, 0..8),
    ) {
        let deletions = gaps.iter().scan(0, |at, gap| {
            *at += gap;
            Some((*at, Meddling::Delete))
        });
        let fates = stops.into_iter().map(|idle| Fate { there: Some(1 + idle % 97), back: Some(1 + idle % 89), idle });
        run(&clocks, fates.collect(), deletions.collect());
    }

    #[test]
    fn somebody_leads_all_the_time_when_nothing_goes_wrong(clocks in clocks()) {
        let fine = Fate { there: Some(5), back: Some(5), idle: 0 };
        let claims = run(&clocks, vec![fine], Vec::new());
        // 1500 s, one renewal in about four.
        prop_assert!((340..400).contains(&claims), "{claims}");
    }
}
