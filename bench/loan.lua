-- policy/loan.yaml for redis: KEYS are hashes with the nine fields the policy looks at, missing values are "".
-- Four integers for each key: outcome (1 granted, 2 review, 3 declined), amount in fen, rate in basis points, benefits as
-- bits (1 pre_approval, 2 fast_track); outcome 0 for a key that does not exist. In the policy's order, so that the
-- first rule that holds decides, as there.
local out = {}
for i = 1, #KEYS do
  local f = redis.call('HMGET', KEYS[i], 'form', 'consent_loan', 'serious_list', 'tax_grade', 'public_grade',
                       'market_grade', 'negative_points', 'broken_commitments', 'red_list')
  local form, consent, tax, grade, market = f[1], f[2], f[4], f[5], f[6]
  local outcome, amount, rate, benefits = 0, 0, 0, 0
  if form then
    local person = form == 'person'
    local rated = not person and (tax == 'A' or tax == 'B' or tax == 'M')
    if person and consent ~= '1' then outcome = 2                                           -- L1
    elseif f[3] == '1' then outcome = 3                                                     -- L2
    elseif tax == 'D' then outcome = 3                                                      -- L3
    elseif grade == '差' then outcome = 3                                                   -- L4
    elseif (tonumber(f[7]) or 0) >= 9 then outcome = 2                                      -- L5
    elseif (tonumber(f[8]) or 0) >= 1 then outcome = 2                                      -- L6
    elseif rated and grade == '优' then outcome, amount, rate, benefits = 1, 300000000, -30, 1 -- L7
    elseif rated and grade == '良' then outcome, amount, rate = 1, 100000000, -10           -- L8
    elseif rated and grade == '中' then outcome, amount = 2, 30000000                       -- L9
    elseif rated and grade == '' and (market == 'A' or market == 'AA' or market == 'AAA') then
      outcome, amount = 2, 30000000                                                         -- L10
    elseif not person and tax == 'C' then outcome = 2                                       -- L11
    elseif person and grade == '优' then outcome, amount, rate, benefits = 1, 30000000, -20, 1 -- L12
    elseif person and grade == '良' then outcome, amount, rate = 1, 20000000, -10           -- L13
    elseif person and grade == '中' then outcome, amount = 2, 5000000                       -- L14
    else outcome = 2 end                                                                    -- L15
    if f[9] == '1' and (not person or consent == '1') then benefits = benefits + 2 end      -- R1, R2
  end
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = outcome, amount, rate, benefits
end
return out
