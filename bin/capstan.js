#!/usr/bin/env node
// Capstan's entry. Written so that an old Node can read it far enough to say what is wrong.
var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    'capstan needs Node 24 or newer, and this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      '). Install Node 24, then run capstan again.\n',
  )
  process.exit(78)
} else {
  import('node:module').then(cacheCompiledCode).then(start).then(null, failed)
}

/** Compiled code is kept in the user's own cache folder: one in the shared temp folder could be written by others. */
function cacheCompiledCode(nodeModule) {
  var cache = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache')
  if (cache && !process.env.NODE_COMPILE_CACHE) nodeModule.enableCompileCache(cache + '/capstan')
}

function start() {
  return import('../dist/main.js').then((main) => main.run(process.argv.slice(2)))
}

function failed(error) {
  process.stderr.write('capstan could not load: ' + (error instanceof Error ? error.stack : error) + '\n')
  process.exit(70)
}
