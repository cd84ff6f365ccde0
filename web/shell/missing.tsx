// An address that leads nowhere.

import { Link } from '@tanstack/react-router'
import { Empty } from '../parts/empty.tsx'

export function Missing() {
  return (
    <Empty title="There is nothing at this address">
      <Link to="/" className="text-accent underline">
        The board
      </Link>
    </Empty>
  )
}
