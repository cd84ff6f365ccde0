// What a terminal shows, made harmless for whoever watches: an agent's output is hostile input to a person's own terminal.
//
// Left out is what makes a terminal answer (the answer would be typed into the agent, once per watcher; tmux answers for all), what reaches the
// watcher's clipboard, windows or files, and what a terminal takes for commands of its own. Text, colours, the cursor and the screen stay.

/** Finals of control sequences that ask, print or move windows: DA, DSR, DECREQTPARM, media copy, window operations. */
const asking = new Set(['c', 'i', 'n', 't', 'x'])
/** Strings that are not over by then are taken for text that lost its beginning, characters. */
const longestString = 4_096
const longestControl = 256

type State = 'text' | 'escape' | 'charset' | 'control' | 'command' | 'string'

export class Harmless {
  #state: State = 'text'
  /** The sequence so far, with its introducer. */
  #held = ''
  #escaped = false

  /** What of a piece may be shown; a sequence that is not over waits for the next piece. */
  feed(text: string): string {
    let out = ''
    for (const char of text) out += this.#take(char)
    return out
  }

  #take(char: string): string {
    switch (this.#state) {
      case 'text':
        return this.#plain(char)
      case 'escape':
        return this.#escape(char)
      case 'charset':
        return this.#over(this.#held + char)
      case 'control':
        return this.#control(char)
      case 'command':
      case 'string':
        return this.#string(char)
    }
  }

  #plain(char: string): string {
    if (char === '\x1b') return this.#hold('escape', char)
    const code = char.codePointAt(0) ?? 0
    // ENQ makes a terminal answer; C1 controls are sequences in one character.
    return code === 5 || (code >= 0x80 && code <= 0x9f) ? '' : char
  }

  #escape(char: string): string {
    if (char === '[') return this.#hold('control', `${this.#held}[`)
    if (char === ']') return this.#hold('command', `${this.#held}]`)
    if ('PX^_'.includes(char)) return this.#hold('string', '')
    if ('()*+-./#% '.includes(char)) return this.#hold('charset', this.#held + char)
    if (char === '\x1b') return ''
    // Z asks who the terminal is; c resets it, which the screen survives.
    return this.#over(char === 'Z' || char < ' ' ? '' : this.#held + char)
  }

  #control(char: string): string {
    if (char === '\x1b') return this.#hold('escape', char)
    this.#held += char
    if (char < '@') return this.#held.length > longestControl ? this.#over('') : ''
    return this.#over(char > '~' || asks(this.#held, char) ? '' : this.#held)
  }

  /** An OSC, or a DCS, SOS, PM or APC, of which none is kept. Its end is BEL or ESC \. */
  #string(char: string): string {
    const ends = char === '\x07' || (this.#escaped && char === '\\')
    if (this.#escaped && !ends) {
      // Another sequence begins: the string was cut off.
      this.#escaped = false
      this.#hold('escape', '\x1b')
      return this.#escape(char)
    }
    if (char === '\x1b') {
      this.#escaped = true
      return ''
    }
    this.#escaped = false
    if (ends) return this.#over(this.#state === 'command' && isHarmlessCommand(this.#held) ? `${this.#held}\x07` : '')
    if (this.#held.length > longestString) return this.#over('')
    this.#held +=
      this.#state === 'command' && (char >= ' ' || char === '\t') ? char : this.#state === 'string' ? ' ' : ''
    return ''
  }

  #hold(state: State, held: string): '' {
    this.#state = state
    this.#held = held
    return ''
  }

  #over(shown: string): string {
    this.#hold('text', '')
    return shown
  }
}

function asks(sequence: string, final: string): boolean {
  if (asking.has(final)) return true
  // XTVERSION is `CSI > q` (`CSI SP q` is the cursor's shape), DECRQM `CSI ? $ p`, the keyboard's state `CSI ? u`.
  if (final === 'q') return sequence.includes('>')
  if (final === 'p') return sequence.includes('$')
  return final === 'u' && sequence.includes('?')
}

/** Titles and links. Not the clipboard, colours that are asked for, notifications or files. */
function isHarmlessCommand(held: string): boolean {
  return /^\x1b\](?:[012];|8;)/.test(held)
}
