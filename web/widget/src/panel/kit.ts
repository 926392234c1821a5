/**
 * What the panel shares with its parts, so that each of them comes without a second Preact: the build
 * puts these in the place of what a part imports from it (scripts/build.mjs).
 */

import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { jsx, jsxs } from "preact/jsx-runtime";

export const kit = { Fragment, jsx, jsxs, useEffect, useLayoutEffect, useRef, useState };

export type Kit = typeof kit;
