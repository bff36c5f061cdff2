-- The requests of one load: `wrk -s requests.lua URL -- MODE TOKEN`. The token differs between loads.

local FILES, TEXTS, TEXTS_PER_FOLDER = 20000, 16384, 8192

local ACCEPT = {
   "*/*",
   "text/html",
   "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
   "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
   "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
   "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
   "image/webp,*/*",
   "text/css,*/*;q=0.1",
   "application/json, text/plain, */*",
}

local prepared, number = {}, 0

local function build(path, fields)
   return "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n" .. fields .. "\r\n"
end

local function prepare_files()
   for file = 0, FILES - 1 do
      prepared[file] = build(string.format("/many/%05d.bin", file), "")
   end
end

local function prepare_accept()
   for index, value in ipairs(ACCEPT) do
      prepared[index - 1] = build("/1k.bin", "Accept: " .. value .. "\r\n")
   end
end

local function text_request(text)
   local path = string.format("/text/%d/%04d.txt", math.floor(text / TEXTS_PER_FOLDER), text % TEXTS_PER_FOLDER)
   return build(path, "Accept-Encoding: gzip\r\n")
end

-- For each mode, the preparation and the function that returns the next request.
local function modes(token)
   return {
      ["uniform"] = { prepare_files, function() return prepared[math.floor(FILES * math.random())] end },
      ["skewed"] = { prepare_files, function() return prepared[math.floor(FILES * math.random() ^ 4)] end },
      ["accept"] = { prepare_accept, function() return prepared[number % #ACCEPT] end },
      ["user-agent"] = { nil, function()
         return build("/1k.bin", "User-Agent: Browser/" .. token .. "." .. number .. "\r\n")
      end },
      ["unique-missing"] = { nil, function() return build("/missing/" .. token .. "/" .. number, "") end },
      ["gzip-first"] = { nil, function() return text_request(number % TEXTS) end },
   }
end

function init(arguments)
   math.randomseed(1)
   local prepare, next_request = unpack(modes(arguments[2])[arguments[1]], 1, 2)
   if prepare then
      prepare()
   end
   function request()
      number = number + 1
      return next_request()
   end
end
