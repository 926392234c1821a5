/** A small list of emoji. The arrow keys move in it, Enter takes one, Escape leaves it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Emoji } from "../panel/parts.ts";
import { emoji as english } from "../strings/en.ts";
import css from "./emoji.css";
import { hand } from "./part.ts";

const ALL =
  "😀 😃 😄 😁 😅 😂 🙂 😉 😊 😍 😘 😎 🤔 🤗 😐 🙄 😏 😴 😮 😕 🙁 😢 😭 😡 😱 🥳 🤝 👍 👎 👌 ✌️ 🙏 👏 💪 👋 🤞 ❤️ 💔 💯 🔥 ✨ 🎉 🎁 🎂 ☕ 🍕 🌍 ☀️ 🌧️ ⛄ 🚗 ✈️ 📦 🛒 💳 📅 ⏰ 📎 📷 📞 ✅ ❌ ❓ ❗".split(
    " ",
  );
const ACROSS = 8;

const Picker: Emoji["Picker"] = ({ look, onPick, onClose }) => {
  const t = look.locale.loaded?.emoji ?? english;
  const [at, setAt] = useState(0);
  const grid = useRef<HTMLDivElement>(null);
  const go = (to: number): void => {
    const next = Math.max(0, Math.min(ALL.length - 1, to));
    setAt(next);
    (grid.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  useEffect(() => go(0), []);
  const ahead = look.locale.dir === "rtl" ? -1 : 1;
  const steps: Record<string, number> = {
    ArrowRight: ahead,
    ArrowLeft: -ahead,
    ArrowDown: ACROSS,
    ArrowUp: -ACROSS,
    Home: -ALL.length,
    End: ALL.length,
  };
  return (
    <div
      ref={grid}
      class="picker"
      role="toolbar"
      aria-label={t.label}
      tabIndex={-1}
      onKeyDown={(event) => {
        const step = steps[event.key];
        if (event.key === "Escape") {
          event.stopPropagation();
          onClose();
        } else if (step !== undefined) {
          event.preventDefault();
          go(at + step);
        }
      }}
    >
      {ALL.map((emoji, index) => (
        <button
          type="button"
          key={emoji}
          tabIndex={index === at ? 0 : -1}
          onClick={() => onPick(emoji)}
        >
          {emoji}
        </button>
      ))}
    </div>
  );
};

const part: Emoji = { Picker };
hand(part, css);
