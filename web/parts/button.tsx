// Buttons: one look for what a person most likely wants next, one for the rest, one for what cannot be undone.

import type { ComponentProps, ReactNode } from 'react'

export type Weight = 'main' | 'plain' | 'quiet' | 'danger'

const weights: Readonly<Record<Weight, string>> = {
  main: 'bg-accent text-on-accent hover:opacity-90 border-transparent',
  plain: 'bg-raised border-line hover:border-strong text-text',
  quiet: 'border-transparent text-muted hover:bg-calm-soft hover:text-text',
  danger: 'bg-raised border-line hover:border-bad text-bad',
}

export function buttonClass(weight: Weight, small = false): string {
  const size = small ? 'h-7 px-2 text-xs max-md:h-9' : 'h-8 px-3 text-sm max-md:h-10'
  return `inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap transition-colors disabled:opacity-50 ${size} ${weights[weight]}`
}

interface ButtonProps extends ComponentProps<'button'> {
  readonly weight?: Weight
  readonly small?: boolean
  readonly children: ReactNode
}

export function Button({ weight = 'plain', small = false, className = '', ...rest }: ButtonProps) {
  return <button type="button" {...rest} className={`${buttonClass(weight, small)} ${className}`} />
}

/** A key's name beside what it does. */
export function Key({ children }: { readonly children: string }) {
  return (
    <kbd className="rounded border border-line bg-panel px-1 font-mono text-xs leading-4 text-muted max-md:hidden">
      {children}
    </kbd>
  )
}
