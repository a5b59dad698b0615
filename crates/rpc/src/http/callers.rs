//! How much one caller may ask: weights of methods per second, by the address that calls
//! (`rpc.caller_weight_per_second`). Every answer tells what is left, in the `RateLimit` fields of
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::limits::{CALLER_BURST_SECONDS, CALLERS_MAX};

pub(super) const POLICY_FIELD: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const STATE_FIELD: HeaderName = HeaderName::from_static("ratelimit");
/// Bits of an IPv6 address that one subscriber has to itself.
const SUBSCRIBER_MASK: u128 = !0 << 64;

/// Who calls. Hosts put it into the extensions of a request; where it is missing all callers are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(pub IpAddr);

impl Default for Caller {
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl Caller {
    /// What calls count for: the address, or the part of an IPv6 address that a subscriber has.
    fn key(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SUBSCRIBER_MASK).into(),
            address => address,
        }
    }
}

type Limiter =
    RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// What all callers have used.
pub struct Callers(Option<Limits>);

struct Limits {
    limiter: Limiter,
    clock: DefaultClock,
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// What an allowed message leaves; nothing where callers are not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left(Option<Shown>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    burst: u32,
    left: u32,
    full_after: Duration,
}

/// A message that is too much for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// After which time it may come again.
    pub wait: Duration,
    /// Weight per second that is allowed.
    pub per_second: u32,
    shown: Shown,
}

impl Callers {
    /// `per_second` is the weight per second and caller, 0 for no limit. A caller that was silent
    /// may use the weight of [`CALLER_BURST_SECONDS`] at once.
    pub fn new(per_second: u32) -> Self {
        Self(NonZeroU32::new(per_second).map(|per_second| {
            let burst = per_second.saturating_mul(CALLER_BURST_SECONDS);
            let limiter = RateLimiter::dashmap(Quota::per_second(per_second).allow_burst(burst))
                .with_middleware::<StateInformationMiddleware>();
            Limits { limiter, clock: DefaultClock::default(), per_second, burst }
        }))
    }

    /// Uses `weight` of what the caller has left. A message heavier than all that one may have
    /// counts as that much.
    ///
    /// # Errors
    /// The caller has less left.
    pub fn spend(&self, caller: Caller, weight: u32) -> Result<Left, TooMuch> {
        let Some(limits) = &self.0 else { return Ok(Left(None)) };
        let Some(weight) = NonZeroU32::new(weight) else { return Ok(Left(None)) };
        limits.spend(caller, weight.min(limits.burst))
    }
}

impl Limits {
    fn spend(&self, caller: Caller, weight: NonZeroU32) -> Result<Left, TooMuch> {
        let spent = self.limiter.check_key_n(&self.key(caller), weight);
        // A weight above the burst is the only other error, and it was cut to the burst.
        let Ok(spent) = spent else { return Ok(Left(None)) };
        match spent {
            Ok(state) => Ok(Left(Some(self.shown(state.remaining_burst_capacity())))),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(TooMuch { wait, per_second: self.per_second.get(), shown: self.shown(0) })
            }
        }
    }

    /// The caller's own key, or one for all where too many are remembered.
    fn key(&self, caller: Caller) -> IpAddr {
        if self.limiter.len() >= CALLERS_MAX {
            self.limiter.retain_recent();
            if self.limiter.len() >= CALLERS_MAX {
                return Caller::default().key();
            }
        }
        caller.key()
    }

    fn shown(&self, left: u32) -> Shown {
        let used = self.burst.get().saturating_sub(left);
        let full_after = Duration::from_secs(used.div_ceil(self.per_second.get()).into());
        Shown { burst: self.burst.get(), left, full_after }
    }
}

impl Left {
    /// Puts the fields into an answer.
    pub fn show(self, response: &mut Response) {
        if let Some(shown) = self.0 {
            shown.show(response);
        }
    }
}

impl TooMuch {
    /// In words.
    pub fn text(&self) -> String {
        format!("this caller has used its {} units of weight per second", self.per_second)
    }

    /// Puts the fields into an answer with status 429.
    pub fn show(&self, response: &mut Response) {
        let seconds = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
        self.shown.show(response);
    }
}

impl Shown {
    fn show(self, response: &mut Response) {
        let policy = format!(r#""caller";q={};w={CALLER_BURST_SECONDS}"#, self.burst);
        let state = format!(r#""caller";r={};t={}"#, self.left, self.full_after.as_secs());
        for (field, text) in [(POLICY_FIELD, policy), (STATE_FIELD, state)] {
            if let Ok(value) = HeaderValue::try_from(text) {
                response.headers_mut().insert(field, value);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn caller(text: &str) -> Caller {
        Caller(text.parse().unwrap())
    }

    #[test]
    fn a_caller_has_its_own_weight_and_is_told_when_to_come_back() {
        let callers = Callers::new(10);
        let one = caller("192.0.2.1");
        let Left(Some(shown)) = callers.spend(one, 60).unwrap() else { panic!("not limited") };
        assert_eq!((shown.burst, shown.left, shown.full_after.as_secs()), (100, 40, 6));
        let refused = callers.spend(one, 60).unwrap_err();
        assert!(refused.wait > Duration::from_millis(1_500), "{:?}", refused.wait);
        assert!(refused.wait <= Duration::from_secs(2), "{:?}", refused.wait);
        assert!(callers.spend(caller("192.0.2.2"), 60).is_ok(), "another one is not touched");
        assert!(callers.spend(caller("::ffff:192.0.2.2"), 60).is_err(), "the same in IPv6");
        let mut response = ().into_response();
        refused.show(&mut response);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["ratelimit-policy"], r#""caller";q=100;w=10"#);
        assert_eq!(response.headers()["ratelimit"], r#""caller";r=0;t=10"#);
    }

    #[test]
    fn a_subscriber_has_one_share_and_heavy_messages_take_all_of_it() {
        let callers = Callers::new(10);
        assert!(callers.spend(caller("2001:db8::1"), 5_000).is_ok());
        assert!(callers.spend(caller("2001:db8::2"), 1).is_err());
        assert!(callers.spend(caller("2001:db8:0:1::1"), 1).is_ok());
    }

    #[test]
    fn without_a_limit_nothing_is_counted_or_shown() {
        let callers = Callers::new(0);
        for _ in 0..1_000 {
            assert_eq!(callers.spend(Caller::default(), u32::MAX), Ok(Left(None)));
        }
        let mut response = ().into_response();
        Left(None).show(&mut response);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn addresses_beyond_the_limit_share() {
        let callers = Callers::new(10);
        let address = |number: u32| Caller(Ipv4Addr::from_bits(number).into());
        for number in 1..=u32::try_from(CALLERS_MAX).unwrap() {
            assert!(callers.spend(address(number), 100).is_ok());
        }
        assert!(callers.spend(address(u32::MAX - 1), 100).is_ok());
        assert!(callers.spend(address(u32::MAX - 2), 100).is_err(), "one share for both");
        assert!(callers.0.unwrap().limiter.len() <= CALLERS_MAX + 1);
    }
}
