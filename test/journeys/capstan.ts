// Runs the command line from source, as bin/capstan.js does from dist: tests never see a stale build.

import { run } from '../../src/main.ts'

await run(process.argv.slice(2))
