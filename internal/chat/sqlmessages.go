package chat

import (
	"cmp"
	"context"
	"database/sql"
	"time"
)

const messageColumns = `m.seq, m.role, m.text, m.model, m.status, m.retry, m.detail, m.prompt, m.completion, m.cost, m.currency, m.first_ms, m.total_ms, m.at`

func readMessage(scan func(...any) error) (m Message, err error) {
	var at int64
	err = scan(&m.Seq, &m.Role, &m.Text, &m.Model, &m.Status, &m.Retry, &m.Detail, &m.Prompt, &m.Completion, &m.Cost, &m.Currency, &m.First, &m.Total, &at)
	m.At = moment(at)
	return m, err
}

func (s *sqlStore) messages(ctx context.Context, owner, id string, before int64, n int) ([]Message, error) {
	if _, err := s.conversation(ctx, owner, id); err != nil {
		return nil, err
	}
	before = cmp.Or(before, 1<<52)
	all, err := list(ctx, s, readMessage, `SELECT * FROM (SELECT `+messageColumns+` FROM chat_messages m
		WHERE m.conversation = ?1 AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?3) AS last ORDER BY seq`, id, before, n)
	if err != nil || len(all) == 0 {
		return all, err
	}
	type placed struct {
		seq int64
		File
	}
	files, err := list(ctx, s, func(scan func(...any) error) (p placed, err error) {
		err = scan(&p.seq, &p.Name, &p.Type, &p.Size)
		return p, err
	}, `SELECT seq, name, type, size FROM chat_files WHERE conversation = ?1 AND seq >= ?2 AND seq < ?3 ORDER BY seq, n`, id, all[0].Seq, before)
	for i := range all {
		for _, f := range files {
			if f.seq == all[i].Seq {
				all[i].Files = append(all[i].Files, f.File)
			}
		}
	}
	return all, err
}

func (s *sqlStore) add(ctx context.Context, owner, id string, from int64, all ...Message) (last int64, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		var there int
		if err := tx.QueryRowContext(ctx, s.sql(`SELECT 1 FROM chat_conversations WHERE owner = ?1 AND id = ?2`+s.lock), owner, id).Scan(&there); err != nil {
			return err
		}
		if from > 0 {
			if _, err := tx.ExecContext(ctx, s.sql(`DELETE FROM chat_messages WHERE conversation = ?1 AND seq >= ?2`), id, from); err != nil {
				return err
			}
		}
		if err := tx.QueryRowContext(ctx, s.sql(`SELECT coalesce(max(seq), 0) FROM chat_messages WHERE conversation = ?1`), id).Scan(&last); err != nil {
			return err
		}
		var at time.Time
		for _, m := range all {
			last++
			m.Seq, at = last, m.At
			if err := s.insert(ctx, tx, id, m); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, s.sql(`UPDATE chat_conversations SET updated = ?2 WHERE id = ?1`), id, at.UnixMilli())
		return err
	})
	return last, err
}

func (s *sqlStore) insert(ctx context.Context, tx *sql.Tx, id string, m Message) error {
	_, err := tx.ExecContext(ctx, s.sql(`INSERT INTO chat_messages
		(conversation, seq, role, text, model, status, retry, detail, prompt, completion, cost, currency, first_ms, total_ms, at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)`),
		id, m.Seq, m.Role, m.Text, m.Model, m.Status, m.Retry, m.Detail, m.Prompt, m.Completion, m.Cost, m.Currency, m.First, m.Total, m.At.UnixMilli())
	for n, f := range m.Files {
		if err != nil {
			break
		}
		_, err = tx.ExecContext(ctx, s.sql(`INSERT INTO chat_files (conversation, seq, n, name, type, size, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`),
			id, m.Seq, n, f.Name, f.Type, len(f.Data), f.Data)
	}
	return err
}

func (s *sqlStore) finish(ctx context.Context, id string, m Message) error {
	return s.one(ctx, `UPDATE chat_messages SET text = ?3, status = ?4, retry = ?5, detail = ?6, prompt = ?7, completion = ?8, cost = ?9, currency = ?10, first_ms = ?11, total_ms = ?12
		WHERE conversation = ?1 AND seq = ?2`,
		id, m.Seq, m.Text, m.Status, m.Retry, m.Detail, m.Prompt, m.Completion, m.Cost, m.Currency, m.First, m.Total)
}

func (s *sqlStore) file(ctx context.Context, owner, id string, seq int64, n int) (f File, err error) {
	err = s.db.QueryRowContext(ctx, s.sql(`SELECT f.name, f.type, f.size, f.data FROM chat_files f JOIN chat_conversations c ON c.id = f.conversation
		WHERE c.owner = ?1 AND c.id = ?2 AND f.seq = ?3 AND f.n = ?4`), owner, id, seq, n).Scan(&f.Name, &f.Type, &f.Size, &f.Data)
	return f, s.failed(err)
}

func (s *sqlStore) person(ctx context.Context, owner string) (p Preferences, err error) {
	err = s.db.QueryRowContext(ctx, s.sql(`SELECT name, language, theme, system, model FROM chat_people WHERE owner = ?1`), owner).
		Scan(&p.Name, &p.Language, &p.Theme, &p.System, &p.Model)
	return p, s.failed(err)
}

func (s *sqlStore) remember(ctx context.Context, owner string, p Preferences) error {
	_, err := s.exec(ctx, `INSERT INTO chat_people (owner, name, language, theme, system, model) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (owner) DO UPDATE SET name = excluded.name, language = excluded.language, theme = excluded.theme, system = excluded.system, model = excluded.model`,
		owner, p.Name, p.Language, p.Theme, p.System, p.Model)
	return err
}

func (s *sqlStore) usage(ctx context.Context) ([]Usage, error) {
	return list(ctx, s, func(scan func(...any) error) (u Usage, err error) {
		var last int64
		err = scan(&u.Owner, &u.Name, &u.Conversations, &u.Asked, &u.Prompt, &u.Completion, &last)
		u.Last = moment(last)
		return u, err
	}, `SELECT c.owner, coalesce(max(p.name), ''), count(DISTINCT c.id), count(CASE WHEN m.role = 'user' THEN 1 END),
		CAST(sum(m.prompt) AS BIGINT), CAST(sum(m.completion) AS BIGINT), max(c.updated)
		FROM chat_conversations c JOIN chat_messages m ON m.conversation = c.id LEFT JOIN chat_people p ON p.owner = c.owner
		GROUP BY c.owner ORDER BY max(c.updated) DESC LIMIT 1000`)
}
