package naive

import (
	"math"
	"strconv"

	"lightbox/fhir"
)

// kilometres that a unit of distance has; without one "kms should be assumed" (FHIR R4 location.html#search, near).
var kilometres = map[string]float64{"": 1, "km": 1, "m": 0.001, "[mi_i]": 1.609344, "[mi_us]": 1.609347219}

// readNear reads latitude|longitude|distance|units. Without a distance, for which "the server can use its own discretion", it is
// ten kilometres.
func readNear(p *fhir.SearchParameter, text string) (test, error) {
	parts := bars(text)
	if p.Name != "near" || len(parts) < 2 || len(parts) > 4 {
		return nil, bad("the form is latitude|longitude|distance|units")
	}
	for i, absent := range []string{"", "", "10", "km"} {
		if i == len(parts) {
			parts = append(parts, absent)
		}
	}
	var number [3]float64
	for i := range number {
		var err error
		if number[i], err = strconv.ParseFloat(parts[i], 64); err != nil {
			return nil, bad("not a number: %q", parts[i])
		}
	}
	unit, ok := kilometres[parts[3]]
	if !ok {
		return nil, bad("no unit of distance: %q", parts[3])
	}
	return func(_ scope, e element) bool {
		return distance(number[0], number[1], e.json.Get("latitude").Num, e.json.Get("longitude").Num) <= number[2]*unit
	}, nil
}

// distance returns the kilometres between two places on a sphere of the earth's mean radius (haversine).
func distance(lat1, long1, lat2, long2 float64) float64 {
	const radius, degree = 6371.0088, math.Pi / 180
	sin2 := func(angle float64) float64 { return math.Pow(math.Sin(angle*degree/2), 2) }
	h := sin2(lat2-lat1) + math.Cos(lat1*degree)*math.Cos(lat2*degree)*sin2(long2-long1)
	return 2 * radius * math.Asin(min(1, math.Sqrt(h)))
}
