// Copies what the build needs beside the emitted JavaScript and tsc leaves out: shell scripts.
import { chmodSync, cpSync, globSync } from 'node:fs'

for (const path of globSync('src/**/*.sh')) {
  const target = path.replace(/^src/, 'dist')
  cpSync(path, target)
  chmodSync(target, 0o755)
}
