//! The shared side of the limits: one key and one script in Redis, so that a cluster of Redis works too.

use std::{sync::LazyLock, time::Duration};

use redis::Script;
use stores::redis::{Error, Redis};

use super::quota::Quota;

/// [`Quota::take`], by Redis' clock. `used` requests have passed already and are booked whatever the
/// quota says; `asked` is 1 to let another one pass if it fits. Answers whether it passed, and the
/// backlog in microseconds. What was booked beyond the quota is cut off at twice the quota: a limit that
/// was overrun while Redis was away must not refuse for hours.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local used, asked = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
local backlog = math.max(arrival - now, 0) + used * interval
backlog = math.min(backlog, 2 * tolerance)
local passed = 0
if asked > 0 and backlog + interval <= tolerance then
  backlog = backlog + interval
  passed = 1
end
if used > 0 or passed > 0 then
  local key_lives = math.ceil(backlog / 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.0f', now + backlog), 'PX', key_lives)
end
return { passed, backlog }
",
    )
});

/// Lets one request pass if the whole fleet's quota has room. Answers whether it did, and the backlog.
pub(super) async fn take(
    redis: &Redis,
    name: &str,
    quota: Quota,
    within: Duration,
) -> Result<(bool, u64), Error> {
    run(redis, name, (quota, 0, 1), within).await
}

/// Books what has passed, and answers the backlog of the whole fleet.
pub(super) async fn settle(
    redis: &Redis,
    name: &str,
    (quota, used): (Quota, u32),
    within: Duration,
) -> Result<u64, Error> {
    let (_, backlog) = run(redis, name, (quota, used, 0), within).await?;
    Ok(backlog)
}

async fn run(
    redis: &Redis,
    name: &str,
    (quota, used, asked): (Quota, u32, u8),
    within: Duration,
) -> Result<(bool, u64), Error> {
    let mut call = SCRIPT.key(name);
    call.arg(quota.interval())
        .arg(quota.tolerance())
        .arg(used)
        .arg(asked);
    let (passed, backlog): (u8, u64) = redis.invoke(&call, within).await?;
    Ok((passed == 1, backlog))
}
