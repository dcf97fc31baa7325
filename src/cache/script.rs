//! What runs inside Redis.
//!
//! A fill is guarded: the read that finds nothing takes a ticket, and a fill is only accepted while the ticket is
//! still the present one. Tickets are random, not counted: a counter that FLUSHALL resets would accept an old one.
//! For a key `k` of a namespace `n` there are
//!
//! | key | holds | lives |
//! | --- | --- | --- |
//! | `weizhan:entry:{n}:k` | the epoch it was filled in, when its value was read, its deadline, the version of the program, then the JSON text; no text is a value known not to exist | the rest of its budget |
//! | `weizhan:guard:{n}:k` | the nonce of the key, changed by each invalidation | a minute |
//! | `weizhan:load:{n}:k` | that some node loads it now | until it is filled, at most 50 ms |
//! | `weizhan:epoch:{n}` | the nonce of the namespace; entries of another epoch do not count | for ever |
//! | `weizhan:told:{n}:…` | nothing: written and deleted at once by an invalidation, see `told` | not at all |
//!
//! Deadlines are reckoned by the clock of Redis inside the scripts: nodes need not agree on the time, and a fill that
//! was held up on its way does not live longer for it. Readers compare the moment of reading with their own clock as well,
//! and believe whichever says that an entry is over.

use redis::Script;

/// The entry, or a ticket to fill it: KEYS entry, guard, epoch, load; ARGV a fresh nonce, life of a guard, of a load.
/// Replies {1, all but the epoch, present moment, ''}, or {0, epoch, present moment, guard} to who may load first, or the same with
/// 2 to who comes second.
const LOOK_UP: &str = "
local epoch = redis.call('GET', KEYS[3])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[3], epoch)
end
local stored = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if stored and string.sub(stored, 1, #epoch) == epoch then
  return {1, string.sub(stored, #epoch + 1), now, ''}
end
local guard = redis.call('GET', KEYS[2])
if not guard then
  guard = ARGV[1]
  redis.call('SET', KEYS[2], guard, 'PX', ARGV[2])
end
local first = redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[3])
return {first and 0 or 2, epoch, now, guard}";

/// Fill an entry if nothing was forgotten meanwhile: KEYS as above; ARGV epoch, guard, deadline, all but the epoch, whether
/// tickets are looked at.
const FILL: &str = "
redis.call('DEL', KEYS[4])
local good = redis.call('GET', KEYS[3]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2]
if ARGV[5] == '1' and not good then return 0 end
local time = redis.call('TIME')
local left = ARGV[3] - (time[1] * 1000 + math.floor(time[2] / 1000))
if left < 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[4], 'PX', string.format('%d', left))
return 1";

/// Drop an entry, refuse the fills under way and tell the nodes: KEYS entry, guard, load, told; ARGV a fresh nonce, life
/// of a guard, channel.
const FORGET: &str = "
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[1], KEYS[3])
redis.call('SET', KEYS[4], '1', 'PX', ARGV[2])
redis.call('DEL', KEYS[4])
redis.call('PUBLISH', ARGV[3], KEYS[4])
return 1";

/// The same for a namespace: KEYS epoch, told; ARGV a fresh nonce, channel.
const FORGET_ALL: &str = "
redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], '1', 'PX', 60000)
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[2], KEYS[2])
return 1";

/// All of them, with their hashes.
pub(super) struct Scripts {
    pub(super) look_up: Script,
    pub(super) fill: Script,
    pub(super) forget: Script,
    pub(super) forget_all: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let [look_up, fill, forget, forget_all] = [LOOK_UP, FILL, FORGET, FORGET_ALL].map(Script::new);
        Self { look_up, fill, forget, forget_all }
    }
}
