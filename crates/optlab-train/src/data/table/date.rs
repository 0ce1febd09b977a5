//! Reads dates and times of day, and converts between days and the calendar.

/// Seconds per day.
pub(super) const DAY: f64 = 86_400.0;

/// A moment, and whether the text gave a time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    /// Seconds since 1970-01-01T00:00:00 in UTC; a time without a zone is taken as UTC.
    pub seconds: f64,
    pub has_time: bool,
}

/// The order of day and month in dates with slashes that a text proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlashOrder {
    DayFirst,
    MonthFirst,
    /// Both parts are at most 12.
    Unclear,
}

/// Reads `YYYY-MM-DD`, `YYYY/MM/DD`, `DD.MM.YYYY` or, if `day_first` is known, `DD/MM/YYYY` or `MM/DD/YYYY`;
/// a time `HH:MM[:SS[.fraction]]` may follow after `T` or a space, and a zone `Z`, `±HH`, `±HHMM` or `±HH:MM`
/// after the time.
pub(super) fn parse(text: &str, day_first: Option<bool>) -> Option<Moment> {
    let (date, time) = split_time(text);
    let (parts, separator) = parts(date)?;
    let (year, month, day) = match separator {
        b'-' | b'/' if parts[0].1 == 4 => (parts[0].0, parts[1].0, parts[2].0),
        b'.' => (parts[2].0, parts[1].0, parts[0].0),
        b'/' if day_first? => (parts[2].0, parts[1].0, parts[0].0),
        b'/' => (parts[2].0, parts[0].0, parts[1].0),
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let date = days_from_civil(year, month, day) as f64 * DAY;
    Some(Moment { seconds: date + time.map_or(Some(0.0), parse_time)?, has_time: time.is_some() })
}

/// Returns which order of day and month `text` proves; `None` if it is not a date `DD/MM/YYYY` or
/// `MM/DD/YYYY`.
pub(super) fn slash_order(text: &str) -> Option<SlashOrder> {
    let (parts, separator) = parts(split_time(text).0)?;
    if separator != b'/' || parts[2].1 != 4 {
        return None;
    }
    match (parse(text, Some(true)).is_some(), parse(text, Some(false)).is_some()) {
        (true, true) => Some(SlashOrder::Unclear),
        (true, false) => Some(SlashOrder::DayFirst),
        (false, true) => Some(SlashOrder::MonthFirst),
        (false, false) => None,
    }
}

fn split_time(text: &str) -> (&str, Option<&str>) {
    match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time.trim_start())),
        None => (text, None),
    }
}

/// Returns the three numbers of a date with their counts of digits, and the character between them. Exactly
/// one of first and last has four digits, the others have one or two.
fn parts(date: &str) -> Option<([(i64, usize); 3], u8)> {
    let separator = date.bytes().find(|byte| !byte.is_ascii_digit())?;
    let mut numbers = [(0, 0); 3];
    let mut texts = date.split(char::from(separator));
    for number in &mut numbers {
        let text = texts.next()?;
        *number = (digits(text)?, text.len());
    }
    let has_fields = matches!(numbers.map(|(_, digits)| digits), [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4]);
    (texts.next().is_none() && has_fields).then_some((numbers, separator))
}

fn digits(text: &str) -> Option<i64> {
    let is_digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}

/// Returns the seconds since midnight in UTC of `HH:MM[:SS[.fraction]][zone]`.
fn parse_time(text: &str) -> Option<f64> {
    let zone_start = text.find(['Z', '+', '-', ' ']).unwrap_or(text.len());
    let (time, zone) = text.split_at(zone_start);
    let offset = match zone.trim_start() {
        "" | "Z" | "UTC" => 0,
        zone => parse_offset(zone)?,
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut fields = time.split(':');
    let hour = two_digits(fields.next()?, 23)?;
    let minute = two_digits(fields.next()?, 59)?;
    let second = fields.next().map_or(Some(0), |second| two_digits(second, 59))?;
    if fields.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse::<f64>().ok()? };
    Some((hour * 3600 + minute * 60 + second - offset) as f64 + fraction)
}

/// Returns the seconds that a zone `±HH`, `±HHMM` or `±HH:MM` is ahead of UTC.
fn parse_offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(fields) => fields,
        None => rest.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { 0 } else { two_digits(minutes, 59)? };
    Some(sign * (two_digits(hours, 14)? * 3600 + minutes * 60))
}

/// Reads one or two digits as a number up to `largest`.
fn two_digits(text: &str, largest: i64) -> Option<i64> {
    digits(text).filter(|number| text.len() <= 2 && *number <= largest)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar (Hinnant, "chrono-compatible
/// low-level date algorithms"): years begin in March, so that the leap day is the last one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns year, month and day of the date `days` after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns the share of its year that has passed at a moment, `[0, 1)`.
pub(super) fn share_of_year(seconds: f64) -> f64 {
    let (year, ..) = civil_from_days((seconds / DAY).floor() as i64);
    let start = days_from_civil(year, 1, 1) as f64 * DAY;
    (seconds - start) / (DAY * if is_leap(year) { 366.0 } else { 365.0 })
}

/// Returns the share of its day that has passed at a moment, `[0, 1)`.
pub(super) fn share_of_day(seconds: f64) -> f64 {
    seconds.rem_euclid(DAY) / DAY
}

/// Writes a moment as `YYYY-MM-DD`, with `THH:MM:SS` if `has_time`.
pub(super) fn format(seconds: f64, has_time: bool) -> String {
    let (year, month, day) = civil_from_days((seconds / DAY).floor() as i64);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if !has_time {
        return date;
    }
    let second = seconds.rem_euclid(DAY).floor() as i64;
    format!("{date}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}
