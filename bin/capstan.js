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
  import('../dist/main.js').then(
    (main) => main.run(process.argv.slice(2)),
    (error) => {
      process.stderr.write('capstan could not load: ' + (error && error.stack) + '\n')
      process.exit(70)
    },
  )
}
