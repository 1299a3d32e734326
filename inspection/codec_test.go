package inspection

import (
	"testing"

	"github.com/go-json-experiment/json"
)

func TestSubmitArgsUnknownMembersStay(t *testing.T) {
	var a SubmitArgs
	in := `{"answers":[{"item":"a","result":"conform","x":[1]}],"zzz":{"k":1},"signatures":null}`
	if err := json.Unmarshal([]byte(in), &a); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(a)
	t.Log(string(b), err)
}
