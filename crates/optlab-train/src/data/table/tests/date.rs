//! Dates and times, against the calendar's rules written out a second time.

use crate::data::table::date::{SlashOrder, format, parse, share_of_day, share_of_year, slash_order};

fn seconds(text: &str) -> Option<f64> {
    parse(text, None).map(|moment| moment.seconds)
}

#[test]
fn every_day_of_eight_centuries_is_counted_as_a_loop_over_the_calendar_does() {
    // 1 January 1600 is 135 140 days before 1970: 370 years of 365 days and 90 leap days (92 years divisible
    // by 4 from 1600 to 1968 are 93, less 1700, 1800 and 1900).
    let mut days = -(370 * 365 + 93 - 3);
    for year in 1600..2400 {
        let leap = if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 { 1 } else { 0 };
        for (month, length) in [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate()
        {
            for day in 1..=length {
                let text = format!("{year}-{:02}-{day:02}", month + 1);
                assert_eq!(seconds(&text), Some(f64::from(days) * 86400.0), "{text}");
                assert_eq!(format(f64::from(days) * 86400.0, false), text);
                days += 1;
            }
            assert_eq!(seconds(&format!("{year}-{:02}-{:02}", month + 1, length + 1)), None);
        }
    }
}

#[test]
fn each_format_gives_the_same_moment() {
    // 2024-02-29: 54 years since 1970 with 13 leap days (1972 to 2020), and 31 + 28 days.
    let day = f64::from(54 * 365 + 13 + 31 + 28) * 86400.0;
    for (text, day_first, expected) in [
        ("2024-02-29", None, day),
        ("2024/02/29", None, day),
        ("2024-2-29", None, day),
        ("29.02.2024", None, day),
        ("29.2.2024", None, day),
        ("29/02/2024", Some(true), day),
        ("02/29/2024", Some(false), day),
        ("2024-02-29T00:00:00Z", None, day),
        ("2024-02-29 06:30", None, day + 23400.0),
        ("2024-02-29T06:30:15", None, day + 23415.0),
        ("2024-02-29T06:30:15.25", None, day + 23415.25),
        ("2024-02-29T06:30:15+02:00", None, day + 16215.0),
        ("2024-02-29T06:30:15-0130", None, day + 28815.0),
        ("2024-02-29T06:30:15+02", None, day + 16215.0),
        ("2024-02-29 06:30:15 UTC", None, day + 23415.0),
        ("29.02.2024 6:30", None, day + 23400.0),
    ] {
        assert_eq!(parse(text, day_first).map(|moment| moment.seconds), Some(expected), "{text}");
    }
    assert!(parse("29.02.2024 6:30", None).unwrap().has_time);
    assert!(!parse("29.02.2024", None).unwrap().has_time);
}

#[test]
fn texts_that_are_no_dates_are_refused() {
    for text in [
        "",
        "2024",
        "2024-02",
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "2024-01-32",
        "31.04.2024",
        "1.2.3",
        "01.02.24",
        "2024.01.02",
        "29-02-2024",
        "2024-01/02",
        "2024-01-02-03",
        "2024-01-02T",
        "2024-01-02T25:00",
        "2024-01-02T10:60",
        "2024-01-02T10:00:60",
        "2024-01-02T10",
        "2024-01-02T10:00:00.x",
        "2024-01-02T10:00:00+99",
        "2024-01-02 noon",
        "20240102",
        "١٢.٠١.2024",
        "2024-01-02T10:00é",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
    assert_eq!(seconds("02/29/2024"), None);
}

#[test]
fn the_order_of_day_and_month_is_proven_by_a_part_above_12() {
    assert_eq!(slash_order("13/12/2024"), Some(SlashOrder::DayFirst));
    assert_eq!(slash_order("12/13/2024"), Some(SlashOrder::MonthFirst));
    assert_eq!(slash_order("12/12/2024"), Some(SlashOrder::Unclear));
    for text in ["13/13/2024", "2024/12/13", "2024-12-13", "1/2", "x"] {
        assert_eq!(slash_order(text), None, "{text}");
    }
}

#[test]
fn shares_of_year_and_day_are_counted_from_their_beginning() {
    let at = |text| seconds(text).unwrap();
    assert_eq!(share_of_year(at("2023-01-01")), 0.0);
    assert_eq!(share_of_year(at("2024-07-02")), 183.0 / 366.0);
    assert_eq!(share_of_year(at("2023-12-31T12:00")), 364.5 / 365.0);
    assert_eq!(share_of_year(at("1969-12-31T12:00")), 364.5 / 365.0);
    assert_eq!(share_of_day(at("1969-12-31T18:00")), 0.75);
    assert_eq!(share_of_day(at("2024-07-02")), 0.0);
    assert_eq!(format(at("1969-12-31T18:05:07"), true), "1969-12-31T18:05:07");
}
