import * as strings from "../strings/ar.ts";
import { hand } from "./part.ts";

const { panel, forms, files, emoji, menu } = strings;
hand({ panel, forms, files, emoji, menu });
