-- A durable reservation for redis, as light as it can be made: the limit is checked, the exposure counted, and the answer
-- kept under the operation's id for seven days, so that the same id gets the same answer. Left out, to redis' advantage:
-- the end of a reservation by its time, grades, validity of guarantees, history, the other reasons to refuse.
-- ARGV: two random numbers that make the operation's id (the first also chooses the account), amount in fen, number of
-- accounts. Answers: status (0 done, 142 more than the limit allows), amount, exposure after it.
local id = 'op:' .. ARGV[1] .. ARGV[2]
local known = redis.call('GET', id)
if known then return known end
local account = 'account:' .. (tonumber(ARGV[1]) % tonumber(ARGV[4]))
local f = redis.call('HMGET', account, 'limit', 'used')
local amount, used, answer = tonumber(ARGV[3]), tonumber(f[2]) or 0, nil
if not f[1] or used + amount > tonumber(f[1]) then
  answer = '142 0 ' .. used
else
  answer = '0 ' .. amount .. ' ' .. redis.call('HINCRBY', account, 'used', amount)
end
redis.call('SET', id, answer, 'EX', 604800)
return answer
