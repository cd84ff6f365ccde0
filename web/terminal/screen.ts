// The screen of a terminal: xterm, sized to its place, coloured as the page.

import { FitAddon } from '@xterm/addon-fit'
import type { ITheme } from '@xterm/xterm'
import { Terminal } from '@xterm/xterm'
import type { Size } from './join.ts'
import { strictStyles } from './strict-styles.ts'

export interface Screen extends Disposable {
  show(bytes: Uint8Array): void
  clear(): void
  typable(may: boolean): void
  focus(): void
}

export interface ScreenActs {
  typed(bytes: Uint8Array<ArrayBuffer>): void
  resized(size: Size): void
  /** Ctrl ] was pressed, as in `capstan task attach`. */
  left(): void
}

/** The server takes no size beyond. */
const limits = { cols: [2, 500], rows: [2, 300] } as const
const scrollback = 5_000

export function openScreen(place: HTMLElement, acts: ScreenActs): Screen {
  const strict = strictStyles()
  const terminal = new Terminal({
    theme: themeNow(),
    fontFamily: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: matchMedia('(max-width: 48rem)').matches ? 11 : 13,
    lineHeight: 1.15,
    scrollback,
    cursorBlink: false,
    disableStdin: true,
    // An agent chooses its colours for a dark screen; they are readable on a light one too.
    minimumContrastRatio: 4.5,
    // What an agent calls a link leads nowhere.
    linkHandler: { activate: () => {} },
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(place)
  const encoder = new TextEncoder()
  terminal.onData((text) => acts.typed(encoder.encode(text)))
  terminal.onBinary((text) => acts.typed(Uint8Array.from(text, (char) => char.charCodeAt(0))))
  terminal.attachCustomKeyEventHandler((event) => {
    if (!event.ctrlKey || event.key !== ']') return true
    if (event.type === 'keydown') acts.left()
    return false
  })
  let told = false
  const refit = () => {
    const size = fit.proposeDimensions()
    if (size === undefined || !Number.isFinite(size.cols + size.rows)) return // not in sight
    const cols = within(size.cols, limits.cols)
    const rows = within(size.rows, limits.rows)
    if (cols === terminal.cols && rows === terminal.rows && told) return
    told = true
    terminal.resize(cols, rows)
    acts.resized({ cols, rows })
  }
  const sizes = new ResizeObserver(refit)
  sizes.observe(place)
  const themes = new MutationObserver(() => {
    terminal.options.theme = themeNow()
  })
  themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return {
    show: (bytes) => terminal.write(bytes),
    clear: () => terminal.reset(),
    typable: (may) => {
      terminal.options.disableStdin = !may
    },
    focus: () => terminal.focus(),
    [Symbol.dispose]: () => {
      sizes.disconnect()
      themes.disconnect()
      terminal.dispose()
      strict[Symbol.dispose]()
    },
  }
}

function within(value: number, [least, most]: readonly [number, number]): number {
  return Math.min(most, Math.max(least, value))
}

/** Sixteen colours that are readable on a light page; xterm's own are made for a dark one. */
const onLight: ITheme = {
  black: '#24252a',
  red: '#b3261e',
  green: '#176b38',
  yellow: '#8a5a00',
  blue: '#1d4fb8',
  magenta: '#8230a8',
  cyan: '#0b6b68',
  white: '#686a75',
  brightBlack: '#565862',
  brightRed: '#c22f26',
  brightGreen: '#1b7a40',
  brightYellow: '#8f5d00',
  brightBlue: '#2f5fd0',
  brightMagenta: '#933bbb',
  brightCyan: '#0e7773',
  brightWhite: '#33353c',
}

function themeNow(): ITheme {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  return {
    ...(document.documentElement.dataset.theme === 'light' ? onLight : {}),
    background: colour('--bg'),
    foreground: colour('--text'),
    cursor: colour('--accent'),
    cursorAccent: colour('--bg'),
    selectionBackground: colour('--strong'),
    scrollbarSliderBackground: colour('--line'),
    scrollbarSliderHoverBackground: colour('--strong'),
    scrollbarSliderActiveBackground: colour('--strong'),
  }
}
