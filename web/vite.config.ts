// How the page is built: one folder of hashed files, each also compressed, so that the server compresses nothing while it runs.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vite'

/** Below this the headers weigh more than what is saved. */
const smallest = 1_000

function compressed(): Plugin {
  return {
    name: 'capstan-compressed',
    apply: 'build',
    writeBundle: ({ dir = '' }) => {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|svg|html|webmanifest)$/.test(name)) continue
        const bytes = readFileSync(join(dir, name))
        if (bytes.length < smallest) continue
        writeFileSync(join(dir, `${name}.gz`), gzipSync(bytes, { level: 9 }))
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(bytes, { params }))
      }
    },
  }
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), tailwindcss(), compressed()],
  worker: { format: 'es' },
  build: {
    outDir: join(import.meta.dirname, '../dist/web'),
    emptyOutDir: true,
    license: { fileName: 'licenses.md' },
    target: 'es2023',
    // Everything is a file of ours: the policy allows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  // `vite web` while working on the page: a running Capstan answers the operations.
  server: { proxy: { '/v1': 'http://127.0.0.1:7420', '/sign-in': 'http://127.0.0.1:7420' } },
})
