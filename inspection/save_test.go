package inspection

import (
	"errors"
	"testing"
	"time"
)

func TestSave(t *testing.T) {
	now := time.Date(2023, 6, 1, 0, 0, 0, 0, time.UTC)
	first, err := DecodeArgs[SaveArgs]([]byte(`{"header":{"unit":{"id":"e"},"region":"532501","sectors":["town-gas"],"mode":"routine","pack":{"id":"p@1"},"startedAt":"2023-06-01T00:00:00Z"},"team":["u2"],"answers":[{"item":"a","result":"conform"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	in, err := Save(nil, "i", first, 0, 1, Cause{User: "u1", Device: "d1", N: 1, ServerTime: now, Mutation: "m1"})
	if err != nil {
		t.Fatal(err)
	}
	late := SaveArgs{Answers: []Answer{{Item: "a", Result: Nonconform}}}
	t.Run("UnseenAnswerKeepsBothValues", func(t *testing.T) {
		got, err := Save(&in, "i", late, 0, 2, Cause{User: "u2", Device: "d2", N: 1, ServerTime: now, Mutation: "m2"})
		if err != nil || got.Answers[0].Result != Conform || len(got.Conflicts) != 1 || len(in.Conflicts) != 0 {
			t.Fatalf("%+v %v", got, err)
		}
	})
	t.Run("OwnChainOverwrites", func(t *testing.T) {
		got, err := Save(&in, "i", late, 0, 2, Cause{User: "u1", Device: "d1", N: 2, ServerTime: now, Mutation: "m3"})
		if err != nil || got.Answers[0].Result != Nonconform || len(got.Conflicts) != 0 {
			t.Fatalf("%+v %v", got, err)
		}
	})
	t.Run("SubmitWithoutSignature", func(t *testing.T) {
		if _, err := Submit(in, SubmitArgs{}, 1, 2, Cause{User: "u1"}); !errors.Is(err, ErrUnsigned) {
			t.Fatal(err)
		}
	})
}
