// xterm writes <style> elements and style attributes, which the page's policy refuses. While a terminal is shown, the same text becomes style
// sheets made by script and properties of elements, which the policy allows because no markup can bring them.
//
// It takes the page's own createElement: xterm's `documentOverride` does not reach its viewport and its rows.

/** From now on until it is disposed; one at a time. */
export function strictStyles(): Disposable {
  const sheets = new Set<CSSStyleSheet>()
  const drop = (sheet: CSSStyleSheet) => {
    sheets.delete(sheet)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet)
  }
  const adopt = () => {
    const sheet = new CSSStyleSheet()
    sheets.add(sheet)
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
    return sheet
  }
  const createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const make = (tag: string) => Document.prototype.createElement.call(document, tag, options)
    if (name === 'style') return carrier(make('template'), adopt(), drop)
    const element = make(name)
    if (name === 'span') element.setAttribute = setAttribute
    return element
  }
  Object.assign(document, { createElement })
  return {
    [Symbol.dispose]: () => {
      Reflect.deleteProperty(document, 'createElement') // the prototype's is seen again
      for (const sheet of sheets) drop(sheet)
    },
  }
}

/** Stands for a <style>: its text is a sheet of the document until it is removed. */
function carrier(element: HTMLElement, sheet: CSSStyleSheet, drop: (sheet: CSSStyleSheet) => void): HTMLElement {
  Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) })
  element.remove = () => {
    drop(sheet)
    Element.prototype.remove.call(element)
  }
  return element
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value
  else Element.prototype.setAttribute.call(this, name, value)
}
