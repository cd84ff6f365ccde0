// What this browser remembers of a person's taste, and the way out.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { whoami } from '../data/queries.ts'
import { cache } from '../data/server.ts'
import { signOut } from '../data/session.ts'
import { Button } from '../parts/button.tsx'
import { who } from '../parts/figures.ts'
import { noticesWanted, wantNotices } from '../shell/notices.ts'
import type { Theme } from '../shell/theme.ts'
import { chooseTheme, useTheme } from '../shell/theme.ts'
import { Card, View } from '../shell/view.tsx'
import { Facts } from '../task/details.tsx'

const themes: readonly { readonly theme: Theme; readonly name: string }[] = [
  { theme: 'system', name: 'As the system' },
  { theme: 'light', name: 'Light' },
  { theme: 'dark', name: 'Dark' },
]

export function Settings() {
  const theme = useTheme()
  const me = useQuery(whoami).data
  return (
    <View title="Settings">
      <Card title="Theme">
        <div role="radiogroup" aria-label="Theme" className="flex flex-wrap gap-2">
          {themes.map((each) => (
            <label
              key={each.theme}
              className={`flex h-9 items-center gap-2 rounded-md border px-3 ${theme === each.theme ? 'border-accent bg-accent-soft' : 'border-line'}`}
            >
              <input
                type="radio"
                name="theme"
                checked={theme === each.theme}
                onChange={() => chooseTheme(each.theme)}
                className="accent-accent"
              />
              {each.name}
            </label>
          ))}
        </div>
      </Card>
      <Notices />
      <Card title="Signed in">
        {me !== undefined && (
          <Facts
            facts={[
              ['As', who(me.actor)],
              ['Team', me.team.name],
              ['Role', me.role],
              ['Scopes', me.scopes.join(', ')],
              ['Server', `${me.server.version}, ${me.server.store}`],
            ]}
          />
        )}
        <div className="flex gap-2">
          <Button
            onClick={() =>
              void signOut().then(() => {
                cache.clear()
                location.assign('/')
              })
            }
          >
            Sign out
          </Button>
          <a href="/docs" className="inline-flex h-8 items-center px-2 text-accent underline">
            The operations
          </a>
        </div>
      </Card>
    </View>
  )
}

function Notices() {
  const [on, setOn] = useState(noticesWanted)
  const possible = 'Notification' in window && Notification.permission !== 'denied'
  return (
    <Card title="Notices">
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          checked={on}
          disabled={!possible}
          onChange={(event) => void wantNotices(event.target.checked).then(setOn)}
          className="size-4 accent-accent"
        />
        Tell me when a task comes to need me or waits for my review, unless I look at it
      </label>
      {!possible && (
        <p className="text-xs text-faint">
          This browser does not let the page send notices; its site settings can change that.
        </p>
      )}
    </Card>
  )
}
