//! The values that condition operators compare.

use s3ferry::policy::document::value::{Instant, Network, Number};

#[test]
fn every_documented_form_is_read() {
    let same = [
        "2026-11-23T00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-11-23T00:00:00.000Z",
        "2026-11-23T01:30:00+01:30",
        "2026-11-22T22:00-02:00",
        "2026-11-23T00:00:00",
        "2026-11-23",
        "1795392000",
    ];
    for text in same {
        assert_eq!(Instant::parse(text), Instant::parse(same[0]), "{text}");
        assert!(Instant::parse(text).is_some(), "{text}");
    }
    assert_eq!(Instant::parse("2026"), Instant::parse("2026-01-01"));
    assert_eq!(Instant::parse("2026-11"), Instant::parse("2026-11-01"));
    assert!(Instant::parse("-5") < Instant::parse("0"));
    for wrong in [
        "",
        "soon",
        "2026-13-01",
        "2026-1-1",
        "2026-11-23T",
        "T",
        "é-T",
    ] {
        assert_eq!(Instant::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn ranges_hold_their_addresses_and_no_others() {
    let within = |range, address| Network::parse(range).expect("a range").contains(address);
    assert!(within("203.0.113.0/24", "203.0.113.255"));
    assert!(!within("203.0.113.0/24", "203.0.114.0"));
    assert!(within("0.0.0.0/0", "8.8.8.8"));
    assert!(!within("0.0.0.0/0", "::1"));
    assert!(within("203.0.113.7", "203.0.113.7"));
    assert!(!within("203.0.113.7", "203.0.113.8"));
    assert!(within("2001:DB8:1234:5678::/64", "2001:db8:1234:5678:0::9"));
    assert!(!within("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::"));
    assert!(within("::/0", "2001:db8::"));
    assert!(!within("::/0", "no address"));
    for wrong in [
        "",
        "1.2.3",
        "1.2.3.4/33",
        "::/129",
        "1.2.3.4/",
        "1.2.3.4/+8",
    ] {
        assert_eq!(Network::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn numbers_compare_by_value_not_by_text() {
    assert_eq!(Number::parse("10"), Number::parse("10.0"));
    assert!(Number::parse("9") < Number::parse("10"));
    assert!(Number::parse("-1") < Number::parse("0.5"));
    for wrong in ["", "ten", "inf", "NaN", "1,000", " 1", "1e999"] {
        assert_eq!(Number::parse(wrong), None, "{wrong}");
    }
}
