package ucum_test

import (
	"fmt"

	"lightbox/fhir/ucum"
)

func Example() {
	for _, q := range [][2]string{{"1250", "mGy.cm"}, {"12.5", "Gy.mm"}, {"98.6", "[degF]"}, {"120", "kVp"}} {
		canonical, dimension, err := ucum.Canonical(q[0], q[1])
		if err != nil {
			fmt.Println(q[1], err)
			continue
		}
		fmt.Println(q[0], q[1], "=", canonical.RatString(), dimension)
	}
	// Output:
	// 1250 mGy.cm = 1/80 m3.s-2
	// 12.5 Gy.mm = 1/80 m3.s-2
	// 98.6 [degF] = 6203/20 K
	// kVp value: no such unit, at byte 1 of the unit
}
