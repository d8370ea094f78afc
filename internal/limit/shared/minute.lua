-- One workload's last minute, settled and asked in one step.
--
-- KEYS[1] is a hash: at, the second that it stands at; r and t, how many requests
-- and tokens count; rSECOND and tSECOND, how many of them were taken in a second.
-- What is taken in a second counts until 61 s after the second began.
--
-- ARGV: the limits of requests and of tokens, 0 for none; the tokens that a call
-- wants, -1 for none; a debt of tokens; then pairs of a second and the tokens
-- that are given back to it.
--
-- It answers: 0 taken, 1 over the requests, 2 over the tokens; the second; what
-- counts now, requests and tokens; the seconds to wait, 0 if it was taken.
local key = KEYS[1]
local limits = {r = tonumber(ARGV[1]), t = tonumber(ARGV[2])}
local wants, debt = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(redis.call('TIME')[1])
local head = redis.call('HMGET', key, 'at', 'r', 't')
local at = tonumber(head[1])
local sum = {r = tonumber(head[2]) or 0, t = tonumber(head[3]) or 0}

local function add(kind, second, n)
  if n ~= 0 then
    redis.call('HINCRBY', key, kind .. second, n)
    sum[kind] = sum[kind] + n
  end
end

if at and at > now then now = at end -- a clock that goes back stands still
local changed = at and at < now
if changed then -- the seconds that no longer count
  local old = {}
  for s = at - 60, math.min(at, now - 61) do
    old[#old + 1] = 'r' .. s
    old[#old + 1] = 't' .. s
  end
  if #old > 0 then
    local took = redis.call('HMGET', key, unpack(old))
    for i = 1, #took, 2 do
      sum.r = sum.r - (tonumber(took[i]) or 0)
      sum.t = sum.t - (tonumber(took[i + 1]) or 0)
    end
    redis.call('HDEL', key, unpack(old))
  end
end

for i = 5, #ARGV, 2 do -- no more is given back than is there: the key may be a new one
  local there = tonumber(redis.call('HGET', key, 't' .. ARGV[i])) or 0
  add('t', ARGV[i], -math.min(tonumber(ARGV[i + 1]), there))
end
add('t', now, debt)

local function fits(kind, n) return limits[kind] == 0 or sum[kind] + n <= limits[kind] end

local function wait(kind, n)
  local over, seconds = sum[kind] + n - limits[kind], {}
  for s = now - 60, now - 1 do seconds[#seconds + 1] = kind .. s end
  for i, took in ipairs(redis.call('HMGET', key, unpack(seconds))) do
    over = over - (tonumber(took) or 0)
    if over <= 0 then return i end
  end
  return 61
end

local verdict, after = 0, 0
if wants >= 0 then
  if not fits('r', 1) then
    verdict, after = 1, wait('r', 1)
  elseif not fits('t', wants) then
    verdict, after = 2, wait('t', wants)
  else
    add('r', now, 1)
    add('t', now, wants)
  end
end

local fresh = debt > 0 or wants >= 0 and verdict == 0
if fresh or changed or at and #ARGV > 4 then
  redis.call('HSET', key, 'at', now, 'r', sum.r, 't', sum.t)
end
if fresh then redis.call('PEXPIRE', key, 62000) end
return {verdict, now, sum.r, sum.t, after}
