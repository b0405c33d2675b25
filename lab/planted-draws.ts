/** Tests that draw what they do draw the same each time: what a guard showed once it shows again. */
import fc from "fast-check";

fc.configureGlobal({ seed: 1 });
