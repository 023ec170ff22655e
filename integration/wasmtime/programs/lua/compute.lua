-- Numbers, strings, tables, closures, coroutines and errors; it prints what it computed.

local function fannkuch(n)
  local p, q, s, sign, maxflips, sum = {}, {}, {}, 1, 0, 0
  for i = 1, n do p[i], q[i], s[i] = i, i, i end
  while true do
    local q0 = p[1]
    if q0 ~= 1 then
      for i = 2, n do q[i] = p[i] end
      local flips = 1
      while true do
        local qq = q[q0]
        if qq == 1 then
          sum = sum + sign * flips
          if flips > maxflips then maxflips = flips end
          break
        end
        q[q0] = q0
        if q0 >= 4 then
          local i, j = 2, q0 - 1
          while i < j do q[i], q[j] = q[j], q[i]; i = i + 1; j = j - 1 end
        end
        q0 = qq
        flips = flips + 1
      end
    end
    if sign == 1 then
      p[1], p[2] = p[2], p[1]
      sign = -1
    else
      p[2], p[3] = p[3], p[2]
      sign = 1
      for i = 3, n do
        local sx = s[i]
        if sx ~= 1 then s[i] = sx - 1; break end
        if i == n then return sum, maxflips end
        s[i] = i
        local t = p[1]
        for j = 1, i do p[j] = p[j + 1] end
        p[i + 1] = t
      end
    end
  end
end

local function spectral(n)
  local function a(i, j)
    local ij = i + j - 1
    return 1.0 / (ij * (ij - 1) * 0.5 + i)
  end
  local function times(x, y, transposed)
    for i = 1, n do
      local sum = 0
      for j = 1, n do
        sum = sum + x[j] * (transposed and a(j, i) or a(i, j))
      end
      y[i] = sum
    end
  end
  local u, v, t = {}, {}, {}
  for i = 1, n do u[i] = 1 end
  for _ = 1, 10 do
    times(u, t, false); times(t, v, true)
    times(v, t, false); times(t, u, true)
  end
  local vbv, vv = 0, 0
  for i = 1, n do
    vbv = vbv + u[i] * v[i]
    vv = vv + v[i] * v[i]
  end
  return math.sqrt(vbv / vv)
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
print("fannkuch", fannkuch(8))
print("spectral", string.format("%.9f", spectral(120)))
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
