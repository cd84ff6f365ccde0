// Builds what is shipped: the program bundled with the packages it uses, the scripts that are processes of their own, and the page.
// One file is read instead of several hundred, so that a start takes half the time (docs/performance.md, B9), and what was tested is what
// runs, whatever the registry gives on the day of the installation.

import { chmodSync, cpSync, globSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
// runs start copies of these files, so each must not share a chunk with another
await bundle(['daemon/mcp/bridge'])
await bundle(['daemon/mcp/caller'])
await bundle(['main', 'daemon/sandbox/proxy-process'])
for (const path of globSync('src/**/*.sh', { cwd: root })) {
  const target = join(dist, path.replace(/^src\//, ''))
  cpSync(join(root, path), target)
  chmodSync(target, 0o755)
}
await build({ configFile: join(root, 'web/vite.config.ts'), logLevel: 'warn' })
renameSync(join(dist, 'web/licenses.md'), join(dist, 'licenses/page.md'))

/** Bundles entries of `src`, each to the same place in `dist`; what they load lazily stays lazy. */
async function bundle(entries: readonly string[]): Promise<void> {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    ssr: { noExternal: true, external: optional() },
    build: {
      ssr: true,
      target: 'node24',
      outDir: dist,
      emptyOutDir: false,
      copyPublicDir: false,
      minify: false,
      license: { fileName: 'licenses/program.md' },
      rolldownOptions: {
        input: Object.fromEntries(entries.map((entry) => [entry, join(root, `src/${entry}.ts`)])),
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  })
}

/** Packages that others look for and do without, and those of one platform: what is not installed cannot be bundled. */
function optional(): string[] {
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) // our own package.json
  return ['pg-native', 'bufferutil', 'utf-8-validate', ...Object.keys(optionalDependencies)]
}
