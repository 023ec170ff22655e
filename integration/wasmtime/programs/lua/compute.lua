-- Numbers, strings, tables, closures, coroutines and errors; it prints what it computed.

-- Over all orders of 1 to n: how often the first k must be turned round until the first is 1; the most, and the sum.
local function flips(n)
  local order, most, sum = {}, 0, 0
  for i = 1, n do order[i] = i end
  local function count()
    local copy, times = table.move(order, 1, n, 1, {}), 0
    while copy[1] ~= 1 do
      local low, high = 1, copy[1]
      while low < high do
        copy[low], copy[high] = copy[high], copy[low]
        low, high = low + 1, high - 1
      end
      times = times + 1
    end
    most, sum = math.max(most, times), sum + times
  end
  local function permute(k)
    if k == 1 then return count() end
    for i = 1, k do
      permute(k - 1)
      local other = k % 2 == 0 and i or 1
      order[other], order[k] = order[k], order[other]
    end
  end
  permute(n)
  return most, sum
end

-- The largest eigenvalue of a matrix, by multiplying a vector with it again and again.
local function eigenvalue(n, rounds)
  local rows, x = {}, {}
  for i = 1, n do
    rows[i], x[i] = {}, 1.0
    for j = 1, n do rows[i][j] = 1 / (i + j - 1) end
  end
  local value
  for _ = 1, rounds do
    local y, norm = {}, 0.0
    for i = 1, n do
      local row, sum = rows[i], 0.0
      for j = 1, n do sum = sum + row[j] * x[j] end
      y[i], norm = sum, norm + sum * sum
    end
    value = math.sqrt(norm)
    for i = 1, n do x[i] = y[i] / value end
  end
  return value
end

local function words(count)
  local state, seen = 42, {}
  local function random(limit)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % limit
  end
  for _ = 1, count do
    local letters = {}
    for i = 1, 2 + random(2) do letters[i] = string.char(97 + random(26)) end
    local word = table.concat(letters)
    seen[word] = (seen[word] or 0) + 1
  end
  local list = {}
  for word, times in pairs(seen) do list[#list + 1] = { word = word, times = times } end
  table.sort(list, function(x, y) return x.times > y.times or x.times == y.times and x.word < y.word end)
  local top = {}
  for i = 1, 5 do top[i] = string.format("%s:%d", list[i].word, list[i].times) end
  return #list, table.concat(top, " ")
end

local function primes(limit)
  return coroutine.wrap(function()
    for n = 2, limit do
      local prime = true
      for d = 2, math.floor(math.sqrt(n)) do
        if n % d == 0 then prime = false; break end
      end
      if prime then coroutine.yield(n) end
    end
  end)
end

print(_VERSION)
print("flips", flips(8))
print("eigenvalue", string.format("%.9f", eigenvalue(200, 20)))
print("words", words(60000))
local count, last = 0, 0
for p in primes(20000) do count, last = count + 1, p end
print("primes", count, last)
local caught = 0
for i = 1, 5000 do
  local ok, message = pcall(function() if i % 2 == 0 then error({ code = i }) else error("odd " .. i, 0) end end)
  if not ok then caught = caught + (type(message) == "table" and message.code or #message) end
end
print("errors", caught)
print("patterns", (("The quick brown fox"):rep(200):gsub("(%w+) (%w+)", "%2 %1")):len())
