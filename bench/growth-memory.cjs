// Loaded before the command: tells on file descriptor 3 how much memory the process had at most, when it ends.
const { writeSync } = require('node:fs')

process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)))
