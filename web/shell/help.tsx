// Every key, on one card.

import { Dialog } from '../parts/dialog.tsx'

const groups = [
  {
    title: 'Everywhere',
    keys: [
      ['⌘K', 'Go to a task or a view'],
      ['c', 'New task'],
      ['g b', 'Board'],
      ['g i', 'Inbox'],
      ['g f', 'Fleet'],
      ['g m', 'Manage'],
      ['g s', 'Settings'],
      ['?', 'This card'],
    ],
  },
  {
    title: 'Board',
    keys: [
      ['j k', 'Next, previous'],
      ['h l', 'Column before, after'],
      ['Enter', 'Open'],
      ['x', 'Select'],
      ['/', 'Search'],
    ],
  },
  {
    title: 'Task',
    keys: [
      ['1 2 …', 'Its views, from left to right'],
      ['Ctrl ]', 'Leave the terminal'],
      ['a', 'Accept'],
      ['r', 'Reject'],
      ['m', 'Write to the agent'],
      ['G', 'Jump to the end'],
      ['/', 'Find'],
    ],
  },
  {
    title: 'Changes',
    keys: [
      ['j k', 'Next, previous file'],
      ['v', 'Viewed'],
      ['s', 'Side by side'],
      ['w', 'Whitespace'],
    ],
  },
  {
    title: 'Inbox',
    keys: [
      ['j k', 'Next, previous'],
      ['y', 'Allow'],
      ['n', 'Deny'],
    ],
  },
] as const

export function Help({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose} wide>
      <div className="grid gap-6 sm:grid-cols-2">
        {groups.map(({ title, keys }) => (
          <section key={title} className="grid content-start gap-2">
            <h3 className="text-xs font-semibold text-muted">{title}</h3>
            <dl className="grid gap-1.5">
              {keys.map(([key, does]) => (
                <div key={key} className="flex items-baseline gap-3">
                  <dt className="w-16 shrink-0">
                    {key.split(' ').map((each) => (
                      <kbd key={each} className="mr-1 rounded border border-line bg-panel px-1.5 font-mono text-xs">
                        {each}
                      </kbd>
                    ))}
                  </dt>
                  <dd className="text-muted">{does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  )
}
