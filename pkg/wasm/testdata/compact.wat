(module (import "a" (item "b" (func)) (item "c" (func))) (import "d" (item "e") (item "f") (func)))
