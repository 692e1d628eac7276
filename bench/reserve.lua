-- A durable reservation as xinyid makes it, for redis: the same questions in the same order and the same things kept.
-- ARGV: two random numbers that make the operation's id (the first also chooses the account), amount in fen, life in ms,
-- number of accounts, now in ms. Answers: status (0 done), account version, amount, limit, used, end of the reservation.
local id = 'op:' .. ARGV[1] .. ARGV[2]
local known = redis.call('GET', id)
if known then return known end                                    -- the same id: the first answer again
local account = 'account:' .. (tonumber(ARGV[1]) % tonumber(ARGV[5]))
local f = redis.call('HMGET', account, 'limit', 'reserved', 'committed', 'version', 'grade', 'suspended', 'exempt')
local amount, status, ends = tonumber(ARGV[3]), 0, 0
local limit, used, version = tonumber(f[1]) or 0, (tonumber(f[2]) or 0) + (tonumber(f[3]) or 0), tonumber(f[4]) or 0
if amount <= 0 then status = 151
elseif f[6] == '1' then status = 143
elseif not f[1] then status = 140
elseif f[7] ~= '1' and f[5] == '' then status = 144
elseif f[7] ~= '1' and used + amount > limit then status = 142 end
if status == 0 then
  ends, used, version = tonumber(ARGV[6]) + tonumber(ARGV[4]), used + amount, version + 1
  redis.call('HMSET', account, 'reserved', (tonumber(f[2]) or 0) + amount, 'version', version)
  redis.call('ZADD', 'ends', ends, id)                            -- so that somebody can end it at its time
else
  amount = 0
end
local answer = table.concat({status, version, amount, limit, used, ends}, ' ')
redis.call('SET', id, answer, 'EX', 604800)                       -- kept for seven days, as xinyid does
return answer
