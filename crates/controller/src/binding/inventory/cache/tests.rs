use irsa_core::plan::binding::ObservedRole;

use irsa_core::inventory::Shallow;

use super::*;

const INTERVAL: Duration = Duration::from_mins(10);

fn shallow(trust: &str) -> Shallow {
    Shallow {
        arn: "arn:aws:iam::123456789012:role/irsa/App".to_owned(),
        id: "AROA1".to_owned(),
        trust: trust.to_owned(),
        description: String::new(),
        max_session_seconds: 3600,
    }
}

fn found() -> IamRole {
    IamRole {
        arn: "arn:aws:iam::123456789012:role/irsa/App".to_owned(),
        id: "AROA1".to_owned(),
        role: ObservedRole {
            trust: "{}".to_owned(),
            tags: Tags::new(),
            boundary: None,
            description: String::new(),
            max_session_seconds: 3600,
            attached: BTreeSet::new(),
            inline: std::collections::BTreeMap::new(),
        },
    }
}

fn listing(method: Method, trust: &str) -> Listing {
    let deep = match method {
        Method::Inventory => {
            let deep = RolePacker::default().deep(&Deep::of("AROA1", &found().role));
            [("app".to_owned(), deep)].into()
        }
        _ => HashMap::new(),
    };
    Listing {
        method,
        shallow: [("app".to_owned(), RolePacker::default().shallow(&shallow(trust)))].into(),
        deep,
    }
}

fn install(cache: &RoleCache, at: Instant, listing: Listing) -> Vec<String> {
    cache.begin(at);
    let orphan = Orphan {
        namespace: "ns".to_owned(),
        binding: "app".to_owned(),
        role: "App".to_owned(),
    };
    let orphans = [("default".to_owned(), vec![orphan])].into();
    cache.install(at, 1, listing, HashMap::new(), orphans);
    cache.take_changed().into_iter().collect()
}

fn answer(cache: &RoleCache, at: Instant) -> &'static str {
    match cache.look_up("APP", INTERVAL, None, at) {
        LookUp::Found(_) => "found",
        LookUp::Outdated => "outdated",
        LookUp::Unknown => "unknown",
    }
}

const fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

#[test]
fn an_inventory_serves_for_one_and_a_half_intervals() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    assert_eq!(answer(&cache, start), "outdated");
    install(&cache, start, listing(Method::Inventory, "{}"));
    assert_eq!(answer(&cache, start + minutes(15)), "found");
    assert_eq!(answer(&cache, start + minutes(16)), "outdated");
    assert!(matches!(cache.look_up("other", INTERVAL, None, start), LookUp::Unknown));
}

#[test]
fn after_our_own_write_only_a_much_later_inventory_counts() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    install(&cache, start, listing(Method::Inventory, "{}"));
    cache.touch("App", start + minutes(1));
    assert_eq!(answer(&cache, start + minutes(2)), "unknown", "not shown yet, perhaps");
    assert!(cache.orphans("default").is_empty(), "it may be gone");
    assert_eq!(answer(&cache, start + minutes(4)), "outdated", "a new one would tell");
    // One that began before the write could be everywhere.
    install(&cache, start + minutes(2), listing(Method::Inventory, "{}"));
    assert_eq!(answer(&cache, start + minutes(4)), "outdated");
    install(&cache, start + minutes(4), listing(Method::Inventory, "{}"));
    assert_eq!(answer(&cache, start + minutes(4)), "found");
    assert_eq!((cache.orphans("default").len(), cache.orphan_count()), (1, 1));
    assert!(cache.orphans("another").is_empty());
}

#[test]
fn what_the_listing_lacks_is_read_by_itself_now_and_then() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    cache.was_read("App", &found(), start);
    let rolling = || listing(Method::Rolling(Because::LargeAccount), "{}");
    install(&cache, start, rolling());
    assert_eq!(answer(&cache, start), "unknown", "nothing said that it would be needed");
    cache.was_read("App", &found(), start);
    assert_eq!(answer(&cache, start + minutes(9)), "found");
    install(&cache, start + minutes(9), rolling());
    assert_eq!(
        answer(&cache, start + minutes(10)),
        "unknown",
        "one of few is read each interval"
    );
    cache.was_read("App", &found(), start + minutes(10));
    cache.touch("App", start + minutes(11));
    install(&cache, start + minutes(14), rolling());
    assert_eq!(
        answer(&cache, start + minutes(14)),
        "unknown",
        "what was read before a write is forgotten"
    );
}

#[test]
fn a_refused_listing_is_asked_for_the_next_time_and_one_that_was_too_large_later() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    assert_eq!(cache.begin(start), None);
    let denied = Because::Denied("iam:GetAccountAuthorizationDetails".to_owned());
    install(&cache, start, listing(Method::Rolling(denied), "{}"));
    assert_eq!(cache.begin(start + minutes(10)), None, "it may be granted by now");
    let large = || listing(Method::Rolling(Because::LargeAccount), "{}");
    install(&cache, start + minutes(10), large());
    assert_eq!(cache.begin(start + minutes(20)), Some(Because::LargeAccount));
    install(&cache, start + minutes(360), large());
    assert_eq!(
        cache.begin(start + minutes(370)),
        None,
        "six hours after it was last looked at"
    );
    install(&cache, start + minutes(370), large());
    assert!(cache.begin(start + minutes(380)).is_some());
    install(&cache, start + minutes(800), listing(Method::Inventory, "{}"));
    assert_eq!(cache.begin(start + minutes(801)), None);
}

#[test]
fn roles_that_are_not_as_they_were_are_named() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    assert!(
        install(&cache, start, listing(Method::Inventory, "{}")).is_empty(),
        "the first has nothing before it"
    );
    assert!(install(&cache, start, listing(Method::Inventory, "{}")).is_empty());
    assert_eq!(install(&cache, start, listing(Method::Inventory, "{\"a\":1}")), ["app"]);
    let mut gone = listing(Method::Inventory, "{}");
    gone.shallow.clear();
    assert_eq!(install(&cache, start, gone), ["app"]);
}

#[test]
fn what_we_have_just_changed_ourselves_is_told_by_the_next_listing_that_proves_something() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    let changed = |at: Instant, trust: &str| install(&cache, at, listing(Method::Inventory, trust));
    assert!(changed(start, "{}").is_empty());
    cache.touch("App", start + minutes(1));
    assert!(changed(start + minutes(2), "{\"a\":1}").is_empty(), "our own doing");
    cache.touch("App", start + minutes(3));
    assert!(changed(start + minutes(4), "{\"a\":1}").is_empty(), "again");
    // Whether it stayed as we made it has yet to be seen.
    assert_eq!(changed(start + minutes(6), "{\"a\":1}"), ["app"]);
    assert!(changed(start + minutes(7), "{\"a\":1}").is_empty());
}

#[test]
fn attempts_keep_their_distance_also_when_they_fail() {
    let (cache, start) = (RoleCache::default(), Instant::now());
    assert!(cache.is_due(INTERVAL, start));
    cache.begin(start);
    assert!(!cache.is_due(RETRY, start + Duration::from_secs(59)));
    assert!(cache.is_due(RETRY, start + RETRY));
}
