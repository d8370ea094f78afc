package emulator

import (
	"math"
	"slices"
	"testing"
)

func cosine(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestParaphrasesAreNearer(t *testing.T) {
	c := glossary(t)
	pairs := [][2]string{
		{"How do I make my Azure OpenAI account private?", "Steps to make an Azure OpenAI account accessible privately"},
		{"The cat sat on the mat.", "A cat was sitting on a mat"},
		{"Reset my password", "I forgot my password and want to reset it"},
		{"Quarterly revenue grew by ten percent", "Revenue growth in the quarter was ten per cent"},
		{"The patient shows symptoms of pneumonia", "Symptoms of pneumonia were seen in this patient"},
		{"Which wine goes with fish?", "Recommend a wine to drink with grilled fish"},
		{"The train to London was delayed by snow", "Snow delayed our London train"},
		{"Encrypt the database backups", "Database backups have to be encrypted"},
		{"He plays the violin in an orchestra", "She is an orchestra's violinist and plays violin"},
		{"Deploying the service failed with a timeout", "A timeout made the deployment of the service fail"},
	}
	vectors := make([][2][]float32, len(pairs))
	for i, p := range pairs {
		for j, text := range p {
			vectors[i][j] = c.embed(embeddingInput{text: text}, 1536)
		}
	}
	for i := range pairs {
		like := cosine(vectors[i][0], vectors[i][1])
		for j := range pairs {
			if i == j {
				continue
			}
			for side := range 2 {
				if unlike := cosine(vectors[i][0], vectors[j][side]); unlike >= like {
					t.Errorf("%q is nearer to %q (%.2f) than to its paraphrase (%.2f)", pairs[i][0], pairs[j][side], unlike, like)
				}
			}
		}
		t.Logf("%.2f %q", like, pairs[i][0])
	}
}

func TestEmbeddingIsStableAndOfLengthOne(t *testing.T) {
	c := glossary(t)
	for _, in := range []embeddingInput{
		{text: "private endpoint"}, {text: "the"}, {text: "?!"}, {text: "日本語"}, {tokens: []int{9906, 1917}},
	} {
		for _, dimensions := range []int{1536, 3072} {
			v := c.embed(in, dimensions)
			if length := math.Sqrt(cosine(v, v)); math.Abs(length-1) > 1e-5 {
				t.Errorf("%v: length %v", in, length)
			}
			if !slices.Equal(v, c.embed(in, dimensions)) {
				t.Errorf("%v: two runs differ", in)
			}
			short := shortenVector(slices.Clone(v), 256)
			if length := math.Sqrt(cosine(short, short)); len(short) != 256 || math.Abs(length-1) > 1e-5 {
				t.Errorf("%v: shortened to %d of length %v", in, len(short), length)
			}
		}
	}
}

func TestMisspellingAndFormsStayNear(t *testing.T) {
	c := glossary(t)
	of := func(text string) []float32 { return c.embed(embeddingInput{text: text}, 1536) }
	want := of("private endpoints")
	for _, near := range []string{"private endpoint", "privat endpoint", "a private endpiont"} {
		if got, other := cosine(want, of(near)), cosine(want, of("checkpoint of a ledger")); got <= other {
			t.Errorf("%q at %.2f, an unrelated text at %.2f", near, got, other)
		}
	}
}

func TestTokenNumbersCount(t *testing.T) {
	c := glossary(t)
	of := func(tokens ...int) []float32 { return c.embed(embeddingInput{tokens: tokens}, 1536) }
	if like, unlike := cosine(of(1, 2, 3, 4), of(2, 3, 4, 5)), cosine(of(1, 2, 3, 4), of(6, 7, 8, 9)); like <= unlike {
		t.Errorf("three tokens in common give %.2f, none %.2f", like, unlike)
	}
}

func BenchmarkEmbed(b *testing.B) {
	c := glossary(b)
	text := c.passages[10].blocks[0]
	for b.Loop() {
		c.embed(embeddingInput{text: text}, 1536)
	}
}
