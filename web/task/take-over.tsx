// How to get an attempt's work onto one's own machine: commands to copy, the patch as a file.

import type { ReactNode } from 'react'
import { useState } from 'react'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { Button, buttonClass } from '../parts/button.tsx'
import { Copy } from '../parts/copy.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { bytes } from '../parts/figures.ts'

interface TakeOverProps {
  readonly task: TaskView
  readonly attempt: AttemptView | undefined
}

/** Nothing where the attempt left nothing to take. */
export function TakeOverButton({ task, attempt }: TakeOverProps) {
  const [open, setOpen] = useState(false)
  if (attempt === undefined || !leftSomething(attempt)) return null
  return (
    <>
      <Button onClick={() => setOpen(true)} title="Commands to get this work into your own checkout">
        Take over
      </Button>
      {open && (
        <Dialog title={`Take over attempt ${attempt.n}`} onClose={() => setOpen(false)} wide>
          <TakeOver task={task} attempt={attempt} />
          <div className="flex justify-end">
            <Button onClick={() => setOpen(false)}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function leftSomething({ evidence }: AttemptView): boolean {
  return evidence !== null && (evidence.filesChanged > 0 || evidence.checkpointRef !== null)
}

/** The commands for one attempt. */
function TakeOver({ task, attempt }: { readonly task: TaskView; readonly attempt: AttemptView }) {
  const { evidence } = attempt
  if (evidence === null) return null
  const { branch, checkpointRef, diffCid, diffBytes } = evidence
  const which = attempt === task.attempts.at(-1) ? '' : ` --attempt ${attempt.n}`
  return (
    <div className="grid gap-3">
      {diffCid !== null && (
        <Way says="Apply the changes to your checkout">
          <Copy label="the apply command" text={`capstan task apply ${task.id}${which}`} />
        </Way>
      )}
      {checkpointRef !== null && (
        <Way says={`Restore all files as they were left, on ${attempt.daemonName}`}>
          <Copy label="the restore command" text={`capstan task restore ${task.id}${which}`} />
        </Way>
      )}
      {branch !== null && (
        <Way says={`The branch on ${attempt.daemonName}`}>
          <Copy label="the branch" text={branch} />
        </Way>
      )}
      {diffCid !== null && (
        <a
          href={`/v1/tasks/${task.id}/diff?attempt=${attempt.n}`}
          download={`${task.id}-${attempt.n}.patch`}
          className={`${buttonClass('plain')} justify-self-start`}
        >
          Download the patch, {bytes(diffBytes)}
        </a>
      )}
    </div>
  )
}

function Way({ says, children }: { readonly says: string; readonly children: ReactNode }) {
  return (
    <div className="grid gap-1">
      <p className="text-xs text-muted">{says}</p>
      {children}
    </div>
  )
}
