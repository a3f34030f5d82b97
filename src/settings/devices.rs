//! `[devices]` of the main file: how phones register, and whether they are asked for signs of life.

use std::time::Duration;

use super::read::{Section, or};
use crate::{engine::Devices, sip::registrar::RegistrarSettings, wire::sip::NameAddr};

/// Seconds of a registration: a refused wish costs a phone one more request, a granted one this switch one each time.
const EXPIRES: std::ops::RangeInclusive<u64> = 10..=604_800;

/// Service-Route values told to a phone; each makes every request of it longer.
const SERVICE_ROUTE_MAX: usize = 4;

pub(super) fn read(devices: &Section<'_>) -> Devices {
    let preset = RegistrarSettings::default();
    let seconds = |key, default: u32| {
        let read = devices.whole(key, EXPIRES).map(|at| at.map(|value| u32::try_from(value).unwrap_or(u32::MAX)));
        (read.as_ref().map(|at| at.mark), or(read, default))
    };
    let (least_mark, expires_min) = seconds("expires_min_secs", preset.expires_min);
    let (most_mark, expires_max) = seconds("expires_max_secs", preset.expires_max);
    let (own_mark, expires_default) = seconds("expires_secs", preset.expires_default);
    if expires_min > expires_max
        && let Some(mark) = most_mark.or(least_mark)
    {
        devices.fault(mark, "expires_min_secs is more than expires_max_secs", None);
    } else if !(expires_min..=expires_max).contains(&expires_default)
        && let Some(mark) = own_mark.or(most_mark).or(least_mark)
    {
        let hint = Some(format!("now: {expires_min} to {expires_max}"));
        devices.fault(mark, "expires_secs: expected a time from expires_min_secs to expires_max_secs", hint);
    }
    let keep_alive = devices.whole("keep_alive_secs", 0..=86_400).map(|at| at.map(Duration::from_secs));
    if let Some(at) = keep_alive.as_ref().filter(|at| (1..30).contains(&at.value.as_secs())) {
        let hint = Some(String::from("a phone that is gone is known after 32 s"));
        devices.fault(at.mark, "keep_alive_secs: expected 0 or at least 30", hint);
    }
    Devices {
        registration: RegistrarSettings {
            expires_min,
            expires_max,
            expires_default,
            service_route: service_route(devices),
            ..preset
        },
        keep_alive: or(keep_alive, Duration::ZERO),
        sign_bodies: or(devices.flag("sign_bodies"), false),
    }
}

fn service_route(devices: &Section<'_>) -> Vec<String> {
    let texts = devices.texts("service_route").unwrap_or_default();
    if let Some(beyond) = texts.get(SERVICE_ROUTE_MAX) {
        devices.fault(beyond.mark, format!("service_route: expected at most {SERVICE_ROUTE_MAX}"), None);
    }
    for text in &texts {
        let good = NameAddr::parse(&text.value).is_ok_and(|route| {
            text.value.starts_with('<')
                && matches!(route.uri.scheme.to_ascii_lowercase().as_str(), "sip" | "sips")
                && route.uri.params.has("lr")
        });
        if !good {
            let hint = Some(String::from("for example \"<sip:edge.example.com;lr>\""));
            devices.fault(text.mark, "service_route: expected a SIP URI in angle brackets with ;lr", hint);
        }
    }
    texts.into_iter().map(|text| text.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Source, load};

    fn faults(text: &str) -> Result<Devices, String> {
        let main = Source { name: "strowger.toml".into(), text: text.into() };
        load(main, Vec::new(), &[]).map(|loaded| loaded.server.devices).map_err(|faults| faults.to_string())
    }

    /// SW-01: what stands in the settings is what phones are told; what contradicts itself has its place named.
    #[test]
    fn sw_01_the_settings_bound_registrations() {
        let devices = faults(
            "[devices]\nexpires_min_secs = 120\nexpires_max_secs = 600\nexpires_secs = 300\nkeep_alive_secs = 60\n\
             service_route = [\"<sip:edge.example.com;lr>\"]\n",
        )
        .unwrap();
        let registration = &devices.registration;
        assert_eq!((registration.expires_min, registration.expires_max, registration.expires_default), (120, 600, 300));
        assert_eq!(devices.keep_alive, Duration::from_secs(60));
        for wrong in [
            "expires_min_secs = 700\nexpires_max_secs = 600",
            "expires_secs = 30",
            "keep_alive_secs = 5",
            "service_route = [\"sip:edge.example.com\"]",
        ] {
            let told = faults(&format!("[devices]\n{wrong}\n")).expect_err(wrong);
            assert!(told.contains("strowger.toml:") && told.contains("1 error"), "{wrong}: {told}");
        }
    }
}
